import { describe, expect, it } from 'vitest'
import type { Schemas } from '../src/api/client.ts'
import type { Incident } from '../src/state/incidents.ts'
import { en } from '../src/words/en.ts'
import { it as italian } from '../src/words/it.ts'
import { changeSaid, muteSaid, standingSaid } from '../src/words/said.ts'

const NUMBERS = { percent: (share: number) => `${Math.round(share * 100)}%`, number: (value: number) => String(value) }
const INCIDENT = {
  change: 'opened', reason: '12 reports, confidence 0.93', posts: 12, confidence: 0.93, severity: 'severe', recycled_photos: 0,
  observed_rate: 9, expected_rate: 0.4, merged_into: null, merged_from: ['inc-2'], split_from: 'inc-3',
  radar: { verdict: 'confirmed', new_water_km2: 2, observed_share: 0.8 }
} as unknown as Incident
const CHANGES = ['first', 'opened', 'reopened', 'grew', 'eased', 'closed', 'merged', 'split', 'radar', 'confidence', 'severity', 'evidence']
const said = (change: string, more: object = {}, words = italian) => changeSaid({ ...INCIDENT, change, ...more } as Incident, words, NUMBERS)

describe('a change of an incident', () => {
  it.each(CHANGES)('is said in the language of the reader: %s', change => {
    expect(said(change)).not.toBe(INCIDENT.reason)
    expect(said(change)).not.toBe(said(change, {}, en))
  })

  it('has the numbers of the incident', () => {
    expect(said('opened', {}, en)).toBe('12 reports, 93% sure')
    expect(said('merged', {}, en)).toBe('inc-2 is a part of it')
    expect(said('merged', { merged_into: 'inc-9' }, en)).toBe('it is a part of inc-9')
    expect(said('confidence', { recycled_photos: 3 }, en)).toBe('photos of 3 posts are of an earlier event')
  })

  it('is the words of the person, or of a server that knows more changes', () => {
    expect(said('action', { reason: 'Anna says so' })).toBe('Anna says so')
    expect(said('radar', { radar: null, reason: 'new water' })).toBe('new water')
    expect(said('moved', { reason: 'it \u202emoved' })).toBe('it moved')
  })
})

describe('who was told', () => {
  it('is said by codes, with people’s own words', () => {
    expect(muteSaid({ kind: 'silence', author: 'Anna', reason: 'drill' }, italian)).toBe('un silenzio, Anna: drill')
    expect(muteSaid({ kind: 'quiet_hours', author: '', reason: 'quiet hours until 7' }, italian)).toBe('ore di quiete')
    expect(standingSaid({ code: 'closed', why: 'it is closed' }, italian)).toBe('l’evento è chiuso')
    expect(standingSaid({ code: 'muted', why: '', mute: { kind: 'silence', by: 's', author: '', reason: '' } }, italian)).toBe('un silenzio')
    expect(standingSaid({ code: 'else' as Schemas['Standing']['code'], why: 'something' }, italian)).toBe('something')
  })
})
