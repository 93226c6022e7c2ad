// The incidents that the page holds: answers and live changes meet here in whatever order they come.
import type { Severity, State } from './address.ts'

/** An incident as the API shows it. What the page does not read is left out. */
export interface Incident {
  incident_id: string
  revision: number
  kind: string
  state: State
  change: string
  reason: string
  merged_into?: string | null
  merged_from?: string[]
  split_from?: string | null
  confidence: number
  posts_confidence: number
  severity: Severity
  severity_reasons: { rule: string; severity: Severity; post_id: string }[]
  place: string
  country_code: string | null
  admin1_code: string | null
  longitude: number
  latitude: number
  first_post_at: string
  last_post_at: string
  opened_at: string | null
  changed_at: string
  closed_at: string | null
  posts: number
  authors: number
  photos: number
  recycled_photos: number
  sources: Record<string, number>
  languages: Record<string, number>
  expected_rate: number
  observed_rate: number
  evidence: EvidencePost[]
  radar: RadarVerdict | null
  next_pass: { platform: string; expected_at: string } | null
}

export interface EvidencePost {
  post_id: string
  posted_at: string
  language: string
  relevance: number
  members: number
  has_photo: boolean
  photo_seen_before: string | null
  text?: string | null
  url?: string | null
}

export interface RadarVerdict {
  verdict: string
  scene_id: string
  acquired_at: string
  new_water_km2: number
  observed_share: number
  likelihood_ratio: number
  patch_ids: string[]
}

/** What somebody did with an incident. */
export interface Action {
  action_id: string
  incident_id: string
  action: 'acknowledged' | 'handed_over' | 'muted' | 'unmuted' | 'false_alarm' | 'noted'
  actor: string
  reason: string
  until: string | null
  handed_to: string | null
  acted_at: string
}

export interface Filters {
  severities: readonly Severity[]
  states: readonly State[]
  minConfidence: number
  since: number
  until: number
}

/** The newest revision of each incident. An older one that comes late takes no newer one's place. */
export function merged(held: ReadonlyMap<string, Incident>, come: Iterable<Incident>): Map<string, Incident> {
  const next = new Map(held)
  for (const incident of come) {
    const before = next.get(incident.incident_id)
    if (!before || incident.revision >= before.revision) next.set(incident.incident_id, incident)
  }
  return next
}

/** Each action once, in the order of their times. */
export function withActions(held: readonly Action[], come: Iterable<Action>): Action[] {
  const byId = new Map([...held, ...come].map(action => [action.action_id, action]))
  return [...byId.values()].sort((one, other) => Date.parse(one.acted_at) - Date.parse(other.acted_at))
}

const WORST_FIRST: Record<Severity, number> = { extreme: 0, severe: 1, moderate: 2, minor: 3 }

/** Those that meet the filters: open ones first, then the worst, then the newest. */
export function listed(incidents: Iterable<Incident>, filters: Filters): Incident[] {
  const isClosed = (incident: Incident) => Number(incident.state === 'closed')
  return [...incidents]
    .filter(incident => meets(incident, filters))
    .sort(
      (one, other) =>
        isClosed(one) - isClosed(other) ||
        WORST_FIRST[one.severity] - WORST_FIRST[other.severity] ||
        Date.parse(other.last_post_at) - Date.parse(one.last_post_at) ||
        one.incident_id.localeCompare(other.incident_id)
    )
}

function meets(incident: Incident, filters: Filters): boolean {
  return (
    (filters.severities.length === 0 || filters.severities.includes(incident.severity)) &&
    (filters.states.length === 0 || filters.states.includes(incident.state)) &&
    incident.confidence >= filters.minConfidence &&
    Date.parse(incident.last_post_at) >= filters.since &&
    Date.parse(incident.first_post_at) <= filters.until
  )
}

export type Attention = 'nobody' | 'acknowledged' | 'handed_over' | 'muted' | 'false_alarm'

/** In whose hands an incident is, by the newest action that says it; a mute ends by itself. */
export function attention(actions: readonly Action[], now: number): { kind: Attention; by: Action | null } {
  for (const action of [...actions].reverse()) {
    if (action.action === 'noted') continue
    if (action.action === 'unmuted') return { kind: 'nobody', by: action }
    if (action.action === 'muted' && action.until !== null && Date.parse(action.until) <= now) continue
    return { kind: action.action, by: action }
  }
  return { kind: 'nobody', by: null }
}
