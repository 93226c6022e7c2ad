import { describe, expect, it } from 'vitest'
import { readAddress, START, writeAddress, type Address } from '../src/state/address.ts'

const FULL: Address = {
  view: 'search',
  window: '24h',
  until: Date.parse('2025-11-04T23:00:00Z'),
  severities: ['severe', 'extreme'],
  states: ['opened'],
  minConfidence: 0.55,
  scene: 'S2B_MSIL2A_X|S1A_IW_GRDH_Y',
  level: '240',
  label: 'water-bodies/flooded-fields',
  work: 'patches/genova-2025',
  inside: 'flood-water@480',
  shown: 'next',
  rule: 'liguria',
  incident: 'inc-20251104-0001',
  post: 'bsky:did:plc:abc/3k?x=1&y#z',
  text: 'acqua alta & “strade” + 100%',
  likePost: 'x:1460',
  likePatch: 'S2B_TEST|S1A_TEST/32632/g120/r0001c0001',
  photo: 'file-00ff00ff00ff00ff',
  near: 'Genova, Liguria',
  radiusKm: 20,
  box: [179.5, -44.25, -179.5, 44],
  last: 'between',
  from: Date.parse('2025-11-04T20:00:00Z'),
  to: Date.parse('2025-11-05T04:30:00Z'),
  sources: 'both',
  weights: { text: 2.5, lexical: 0, new_water: 0.25 },
  saved: 'saved-0123456789abcdef'
}

describe('an address', () => {
  it('leads back to the same view, whatever stands in its ids and texts', () => {
    expect(readAddress(writeAddress(FULL))).toEqual(FULL)
    expect(readAddress(writeAddress(START))).toEqual(START)
  })

  it('is short where nothing was chosen', () => {
    expect(writeAddress(START)).toBe('#watch')
  })

  it.each(['', '#', '#nowhere?window=7y&until=soon&confidence=NaN&severity=awful', '#watch?%', '#watch?confidence=9&radius=-1', '#watch?box=1,2,3&from=x&to=&sources=all&weights=text:1,sound:3,lexical:-2,visual:x', '#watch?box=1,50,3,40', '#watch?box=190,0,191,1', '#watch?box=,,,&photo=a b'])(
    'passes over what it does not know: %s',
    hash => expect(readAddress(hash)).toEqual(START)
  )

  it('passes over what is no label, work or rule', () => {
    expect(readAddress('#watch?level=7&label=A&work=posts/x&inside=a@120&shown=most&rule=A/B&scene=')).toEqual(START)
  })

  it('cuts a text that no search takes', () => {
    expect(readAddress(`#search?text=${'a'.repeat(9000)}`).text).toHaveLength(4000)
  })
})
