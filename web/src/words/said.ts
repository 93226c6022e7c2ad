// What the API says by a code, in the reader's language. Its own English sentence stands where a code is not known here.
import type { Schemas } from '../api/client.ts'
import { tamed } from '../posts/text_safety.ts'
import type { Incident } from '../state/incidents.ts'
import type { Words } from './en.ts'

export interface Numbers {
  percent: (share: number) => string
  number: (value: number, digits?: number) => string
}

type Standing = Schemas['Standing']
type Mute = Schemas['Mute']

/** What the newest change of an incident was. */
export function changeSaid(incident: Incident, words: Words, { percent, number }: Numbers): string {
  const said = words.change
  const { posts, radar } = incident
  switch (incident.change) {
    case 'first':
      return said.first(posts, number(incident.observed_rate), number(incident.expected_rate, 2))
    case 'opened':
    case 'reopened':
      return said[incident.change](posts, percent(incident.confidence))
    case 'grew':
      return said.grew(posts)
    case 'eased':
      return said.eased
    case 'closed':
      return said.closed
    case 'merged':
      return incident.merged_into ? said.mergedInto(incident.merged_into) : said.mergedFrom(incident.merged_from?.at(-1) ?? '')
    case 'split':
      return said.split(incident.split_from ?? '')
    case 'radar':
      return radar ? words.incident.radarLine(words.incident.verdict[radar.verdict] ?? radar.verdict, number(radar.new_water_km2), percent(radar.observed_share)) : tamed(incident.reason)
    case 'confidence':
      return incident.recycled_photos > 0 ? said.recycled(incident.recycled_photos) : said.confidence(percent(incident.confidence))
    case 'severity':
      return said.severity(words.severity[incident.severity])
    case 'evidence':
      return said.evidence
    default:
      return tamed(incident.reason) // of a person: their own words
  }
}

/** Why a receiver is not told now. */
export function standingSaid({ code, why, mute }: Pick<Standing, 'code' | 'why' | 'mute'>, words: Words): string {
  if (code === 'muted' && mute) return muteSaid(mute, words)
  return words.standing[code] ?? tamed(why)
}

/** What keeps something back, with a person's own words where there are some. */
export function muteSaid(mute: Pick<Mute, 'kind' | 'author' | 'reason'>, words: Words): string {
  const byPerson = mute.author ? [tamed(mute.author), tamed(mute.reason ?? '')].filter(Boolean).join(': ') : ''
  return [words.mute[mute.kind] ?? mute.kind, byPerson].filter(Boolean).join(', ')
}
