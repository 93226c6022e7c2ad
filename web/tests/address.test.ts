import { describe, expect, it } from 'vitest'
import { readAddress, START, writeAddress, type Address } from '../src/state/address.ts'

const FULL: Address = {
  view: 'search',
  window: '24h',
  until: Date.parse('2025-11-04T23:00:00Z'),
  severities: ['severe', 'extreme'],
  states: ['opened'],
  minConfidence: 0.55,
  incident: 'inc-20251104-0001',
  post: 'bsky:did:plc:abc/3k?x=1&y#z',
  text: 'acqua alta & “strade” + 100%',
  near: 'Genova, Liguria',
  radiusKm: 20,
  last: '24h'
}

describe('an address', () => {
  it('leads back to the same view, whatever stands in its ids and texts', () => {
    expect(readAddress(writeAddress(FULL))).toEqual(FULL)
    expect(readAddress(writeAddress(START))).toEqual(START)
  })

  it('is short where nothing was chosen', () => {
    expect(writeAddress(START)).toBe('#watch')
  })

  it.each(['', '#', '#nowhere?window=7y&until=soon&confidence=NaN&severity=awful', '#watch?%', '#watch?confidence=9&radius=-1'])(
    'passes over what it does not know: %s',
    hash => expect(readAddress(hash)).toEqual(START)
  )

  it('cuts a text that no search takes', () => {
    expect(readAddress(`#search?text=${'a'.repeat(9000)}`).text).toHaveLength(4000)
  })
})
