import { describe, expect, it } from 'vitest'
import { boxAround, boxBetween, boxOf, geometryOf, isWhole } from '../src/rules/areas.ts'
import { inWords } from '../src/rules/matchers.ts'
import { areaMatchers, codesOf, draftOf, faultsOf, idOf, NEW_RULE, requestOf, type Matchers, type Rule } from '../src/rules/rule_draft.ts'
import { chosen, linesOf, type Entry } from '../src/rules/told.ts'
import { en } from '../src/words/en.ts'

const BOX = { west: 8, south: 44, east: 9, north: 45 }
const NOTHING: Matchers = { admin_codes: [], cells: [], everywhere: false, kinds: [], states: [], verdicts: [], languages: [], incident_ids: [] }
const percent = (share: number) => `${Math.round(share * 100)} %`

function rule(matchers: Partial<Matchers>, route: object = {}): Rule {
  const whole = { matchers: { ...NOTHING, ...matchers }, receivers: ['duty'], continues: false, routes: [], ...route }
  return { schema_version: 1, rule_id: 'liguria', title: 'Floods of Liguria', route: whole as Rule['route'], author: 'ada', changed_at: '2025-11-04T20:00:00Z' }
}

describe('a rectangle', () => {
  it('lies between two corners, whichever came first', () => {
    expect(boxBetween([9, 44], [8, 45])).toEqual(BOX)
    expect(boxBetween([8, 45], [9, 44])).toEqual(BOX)
  })

  it('goes the short way over the 180th meridian', () => {
    const box = boxBetween([179, -18], [181, -17])
    expect(box).toEqual({ west: 179, south: -18, east: -179, north: -17 })
    expect(geometryOf(box).type).toBe('MultiPolygon')
    expect(isWhole(box)).toBe(true)
  })

  it.each([BOX, { west: 179, south: -18, east: -179, north: -17 }])('is read back from its geometry', box => {
    expect(boxOf(geometryOf(box))).toEqual(box)
  })

  it('is no other shape', () => {
    expect(boxOf({ type: 'Polygon', coordinates: [[[8, 44], [9, 44], [9, 45], [8, 44]]] })).toBeNull()
    expect(boxOf({ type: 'Polygon', coordinates: [[[8, 44], [9, 44.1], [9, 45], [8, 45], [8, 44]]] })).toBeNull()
    expect(boxOf(null)).toBeNull()
    expect(boxOf({ type: 'Polygon' })).toBeNull()
  })

  it('lies around a point, and never beyond the poles', () => {
    const box = boxAround(8.93, 44.41, 20)
    expect(box.north - box.south).toBeCloseTo(0.36, 2)
    expect(box.east - box.west).toBeGreaterThan(box.north - box.south)
    expect(boxAround(0, 89.9, 100).north).toBe(90)
  })

  it('encloses something', () => {
    expect(isWhole({ ...BOX, north: 44 })).toBe(false)
    expect(isWhole({ ...BOX, east: NaN })).toBe(false)
  })
})

describe('a rule', () => {
  it('is the same after the form, branches and quiet hours too', () => {
    const route = { group_wait_s: 5, routes: [{ matchers: NOTHING, receivers: ['phones'], continues: true, routes: [] }] }
    for (const matchers of [{ everywhere: true }, { admin_codes: ['IT.08'] }, { area: { ...geometryOf(BOX) } }, { cells: ['851f9b0bfffffff'], admin_codes: ['IT'] }]) {
      const before = rule({ ...matchers, kinds: ['flood'], min_severity: 'severe' }, route)
      const written = requestOf(draftOf(before))
      expect(written.title).toBe(before.title)
      expect(written.route).toEqual({ ...before.route, matchers: { ...before.route.matchers, area: before.route.matchers.area ?? null, min_confidence: null } })
    }
  })

  it('keeps a shape that the form cannot draw', () => {
    const area = { type: 'Polygon', coordinates: [[[8, 44], [9, 44], [9, 45], [8, 44]]] }
    const draft = draftOf(rule({ area }))
    expect(draft.area.kind).toBe('kept')
    expect(areaMatchers(draft.area, draft.before?.matchers ?? null).area).toEqual(area)
  })

  it('says what it lacks', () => {
    expect(faultsOf(NEW_RULE)).toEqual(['title', 'receivers'])
    expect(faultsOf({ ...NEW_RULE, title: 'a', receivers: ['duty'], area: { kind: 'codes', codes: ' , ', box: null } })).toEqual(['area'])
    expect(faultsOf({ ...NEW_RULE, title: 'a', receivers: ['duty'], area: { kind: 'box', codes: '', box: null } })).toEqual(['area'])
    expect(faultsOf(draftOf(rule({ everywhere: true })))).toEqual([])
  })

  it('has an id that the API takes', () => {
    expect(idOf(' Città: alluvioni! ')).toBe('citta-alluvioni')
    expect(idOf('a'.repeat(90))).toHaveLength(64)
    expect(idOf('洪水')).toBe('')
  })

  it('takes codes as people write them', () => {
    expect(codesOf('it, It.08; ES.60 it')).toEqual(['IT', 'IT.08', 'ES.60'])
    expect(codesOf('gr.ESYE12')).toEqual(['GR.ESYE12'])
  })

  it('is told in words', () => {
    const matchers = { ...NOTHING, admin_codes: ['IT.08', 'FR'], kinds: ['flood', 'meteor'], min_severity: 'severe' as const, min_confidence: 0.5, verdicts: ['confirmed' as const] }
    expect(inWords(matchers, en, percent)).toEqual(['in IT.08 or FR', 'Flood or meteor', 'from Severe', 'at least 50 % sure', 'where radar says Confirmed'])
    expect(inWords({ ...NOTHING, area: { ...geometryOf(BOX) } }, en, percent)).toEqual(['in the rectangle 8, 44, 9, 45'])
    expect(inWords(NOTHING, en, percent)).toEqual([])
  })
})

describe('the notification log', () => {
  const message = { incidents: [{ incident_id: 'inc-1', place: 'Genova', reason: 'first' }] }
  const entry = (fields: object) => ({ group: 'g', receiver: 'duty', rule_id: 'r', attempts: 0, problem: '', ...fields }) as unknown as Entry
  const entries = [
    entry({ logged_at: '3', outcome: 'muted', incident_id: 'inc-1', reason: 'worse', mute: { kind: 'silence', by: 's', author: 'ada', reason: 'exercise' }, receiver: 'phones' }),
    entry({ logged_at: '2', outcome: 'sent', message_id: 'msg_1', attempts: 2 }),
    entry({ logged_at: '1', outcome: 'sending', message_id: 'msg_1', message }),
    entry({ logged_at: '0', outcome: 'sending', message_id: 'msg_0' })
  ]

  it('has each message once, as it ended', () => {
    const lines = linesOf(entries)
    expect(lines.map(line => line.outcome)).toEqual(['muted', 'sent', 'sending'])
    expect(lines[1]?.incidents).toEqual([{ id: 'inc-1', place: 'Genova', reason: 'first' }])
    expect(lines[0]?.incidents).toEqual([{ id: 'inc-1', place: 'Genova', reason: 'worse' }])
    expect(lines[2]?.incidents).toEqual([])
  })

  it('can be that of one receiver, or what was kept back', () => {
    expect(chosen(linesOf(entries), 'phones', false)).toHaveLength(1)
    expect(chosen(linesOf(entries), '', true).map(line => line.receiver)).toEqual(['phones'])
  })
})
