// The notification log as people read it: each message once with how it ended, and each thing that was kept back.
import type { Schemas } from '../api/client.ts'

export type Entry = Schemas['NotificationLogged']

export interface ToldIncident {
  id: string
  place: string | null
  reason: string
}

export interface Line {
  key: string
  at: string
  receiver: string
  ruleId: string
  outcome: Entry['outcome']
  incidents: ToldIncident[]
  mute: Schemas['Mute'] | null
  attempts: number
  problem: string
}

/** The lines of entries that come newest first, as the API lists them. */
export function linesOf(entries: readonly Entry[]): Line[] {
  const messages = new Map(entries.flatMap(each => (each.message && each.message_id ? [[each.message_id, each.message] as const] : [])))
  const places = new Map([...messages.values()].flatMap(message => message.incidents.map(each => [each.incident_id, each.place] as const)))
  const shown = new Set<string>()
  return entries.flatMap((entry, place) => {
    const key = entry.message_id ?? `${entry.logged_at} ${entry.group} ${entry.receiver} ${entry.incident_id} ${place}`
    if (shown.has(key)) return [] // a newer entry says how the message ended
    shown.add(key)
    const of = entry.message_id ? messages.get(entry.message_id) : null
    const incidents = of
      ? of.incidents.map(each => ({ id: each.incident_id, place: each.place, reason: each.reason as string }))
      : entry.incident_id
        ? [{ id: entry.incident_id, place: places.get(entry.incident_id) ?? null, reason: entry.reason ?? '' }]
        : []
    const { logged_at: at, receiver, rule_id: ruleId, outcome, attempts, problem } = entry
    return [{ key, at, receiver, ruleId, outcome, incidents, mute: entry.mute ?? null, attempts, problem }]
  })
}

export function chosen(lines: readonly Line[], receiver: string, onlyKeptBack: boolean): Line[] {
  return lines.filter(line => (receiver === '' || line.receiver === receiver) && (!onlyKeptBack || line.outcome === 'muted'))
}
