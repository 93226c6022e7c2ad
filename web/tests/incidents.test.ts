import { describe, expect, it } from 'vitest'
import { attention, listed, merged, withActions, type Action, type Incident } from '../src/state/incidents.ts'

const T0 = Date.parse('2025-11-04T20:00:00Z')
const ALL = { severities: [], states: [], minConfidence: 0, since: T0 - 1e9, until: T0 + 1e9 }

function incident(id: string, fields: Partial<Incident> = {}): Incident {
  const at = new Date(T0).toISOString()
  return { incident_id: id, revision: 1, state: 'opened', severity: 'minor', confidence: 0.9, first_post_at: at, last_post_at: at, ...fields } as Incident
}

function action(id: string, name: Action['action'], minutes: number, fields: Partial<Action> = {}): Action {
  const acted_at = new Date(T0 + minutes * 60_000).toISOString()
  return { action_id: id, incident_id: 'a', action: name, actor: 'anna', reason: '', until: null, handed_to: null, acted_at, ...fields }
}

describe('incidents that come in any order', () => {
  it('stand as their newest revision says', () => {
    const held = merged(new Map(), [incident('a', { revision: 3, severity: 'extreme' })])
    expect(merged(held, [incident('a', { revision: 2 }), incident('b')]).get('a')?.severity).toBe('extreme')
    expect(merged(held, [incident('a', { revision: 4 })]).get('a')?.severity).toBe('minor')
    expect(held.size).toBe(1)
  })

  it('are listed with the worst open one first', () => {
    const shown = listed(
      [incident('closed', { state: 'closed', severity: 'extreme' }), incident('minor'), incident('extreme', { severity: 'extreme' })],
      ALL
    )
    expect(shown.map(each => each.incident_id)).toEqual(['extreme', 'minor', 'closed'])
  })

  it('are left out where they do not meet the filters', () => {
    const ids = (filters: object) => listed([incident('a', { confidence: 0.4 }), incident('b', { severity: 'severe' })], { ...ALL, ...filters }).map(each => each.incident_id)
    expect(ids({ minConfidence: 0.5 })).toEqual(['b'])
    expect(ids({ severities: ['minor'] })).toEqual(['a'])
    expect(ids({ states: ['closed'] })).toEqual([])
    expect(ids({ since: T0 + 1 })).toEqual([])
    expect(ids({ until: T0 - 1 })).toEqual([])
  })
})

describe('what people did', () => {
  it('counts once, in the order of its times', () => {
    const [first, second] = [action('1', 'acknowledged', 0), action('2', 'noted', 5)]
    expect(withActions([second], [first, second]).map(each => each.action_id)).toEqual(['1', '2'])
  })

  it('says in whose hands an incident is', () => {
    expect(attention([], T0).kind).toBe('nobody')
    expect(attention([action('1', 'acknowledged', 0), action('2', 'noted', 1)], T0).kind).toBe('acknowledged')
    const mute = action('2', 'muted', 1, { until: new Date(T0 + 3_600_000).toISOString() })
    expect(attention([action('1', 'acknowledged', 0), mute], T0 + 60_000).kind).toBe('muted')
    expect(attention([action('1', 'acknowledged', 0), mute], T0 + 3_600_000).kind).toBe('acknowledged')
    expect(attention([mute, action('3', 'unmuted', 2)], T0 + 60_000).kind).toBe('nobody')
  })
})
