// The address of a view: everything that is needed to show it again, or to somebody else. It stands behind the `#`, so
// that what people search for never reaches a server's log.
import { NO_LABEL, readLabelParts, writtenLabelParts, type LabelParts } from './label_parts.ts'
import { id, moment, NOTHING, numberBetween, oneOf, readSearchParts, writtenSearchParts, type SearchParts } from './search_parts.ts'

export const VIEWS = ['watch', 'search', 'annotate', 'rules', 'system'] as const
export const WINDOWS = { '1h': 3_600_000, '6h': 21_600_000, '24h': 86_400_000 } as const // milliseconds
export const SEVERITIES = ['minor', 'moderate', 'severe', 'extreme'] as const
export const STATES = ['suspected', 'opened', 'growing', 'easing', 'closed'] as const

export type View = (typeof VIEWS)[number]
export type WindowName = keyof typeof WINDOWS
export type Severity = (typeof SEVERITIES)[number]
export type State = (typeof STATES)[number]

export interface Address extends SearchParts {
  view: View
  window: WindowName
  /** The end of the window, milliseconds since 1970; null: now, and on with the clock. */
  until: number | null
  severities: Severity[]
  states: State[]
  minConfidence: number
  scene: LabelParts['scene']
  level: LabelParts['level']
  label: LabelParts['label']
  work: LabelParts['work']
  inside: LabelParts['inside']
  shown: LabelParts['shown']
  rule: LabelParts['rule']
  incident: string | null
  post: string | null
}

export const START: Address = {
  view: 'watch',
  window: '6h',
  until: null,
  severities: [],
  states: [],
  minConfidence: 0,
  ...NO_LABEL,
  incident: null,
  post: null,
  ...NOTHING
}

/** Reads the part behind the `#`. What it does not know, it passes over: an old address still leads somewhere. */
export function readAddress(hash: string): Address {
  const [view = '', query = ''] = hash.replace(/^#/, '').split('?', 2)
  const given = new URLSearchParams(query)
  const window = given.get('window') ?? ''
  return {
    view: oneOf(VIEWS, view) ?? START.view,
    window: window in WINDOWS ? (window as WindowName) : START.window,
    until: moment(given.get('until')),
    severities: several(SEVERITIES, given.get('severity')),
    states: several(STATES, given.get('state')),
    minConfidence: numberBetween(0, 1, given.get('confidence'), START.minConfidence),
    ...readLabelParts(given),
    incident: id(given.get('incident')),
    post: id(given.get('post')),
    ...readSearchParts(given)
  }
}

/** Writes it, with only what differs from the start. `readAddress` gives the same again. */
export function writeAddress(address: Address): string {
  const given = new URLSearchParams()
  const put = (name: string, value: string | number | null, standard: string | number | null) => {
    if (value !== standard && value !== null && value !== '') given.set(name, String(value))
  }
  put('window', address.window, START.window)
  put('until', address.until === null ? null : new Date(address.until).toISOString(), null)
  put('severity', address.severities.join(','), '')
  put('state', address.states.join(','), '')
  put('confidence', address.minConfidence, START.minConfidence)
  for (const [name, value] of Object.entries(writtenLabelParts(address))) given.set(name, value)
  put('incident', address.incident, null)
  put('post', address.post, null)
  for (const [name, value] of Object.entries(writtenSearchParts(address))) given.set(name, value)
  const query = given.toString()
  return `#${address.view}${query ? `?${query}` : ''}`
}

function several<Known extends string>(known: readonly Known[], value: string | null): Known[] {
  const given = (value ?? '').split(',')
  return known.filter(each => given.includes(each))
}
