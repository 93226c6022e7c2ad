// The address of a view: everything that is needed to show it again, or to somebody else. It stands behind the `#`, so
// that what people search for never reaches a server's log.

export const VIEWS = ['watch', 'search', 'system'] as const
export const WINDOWS = { '1h': 3_600_000, '6h': 21_600_000, '24h': 86_400_000 } as const // milliseconds
export const SEVERITIES = ['minor', 'moderate', 'severe', 'extreme'] as const
export const STATES = ['suspected', 'opened', 'growing', 'easing', 'closed'] as const

export type View = (typeof VIEWS)[number]
export type WindowName = keyof typeof WINDOWS
export type Severity = (typeof SEVERITIES)[number]
export type State = (typeof STATES)[number]

export interface Address {
  view: View
  window: WindowName
  /** The end of the window, milliseconds since 1970; null: now, and on with the clock. */
  until: number | null
  severities: Severity[]
  states: State[]
  minConfidence: number
  incident: string | null
  post: string | null
  text: string
  near: string
  radiusKm: number
  last: string
}

export const START: Address = {
  view: 'watch',
  window: '6h',
  until: null,
  severities: [],
  states: [],
  minConfidence: 0,
  incident: null,
  post: null,
  text: '',
  near: '',
  radiusKm: 50,
  last: ''
}

const LONGEST = 4000 // characters of a text, as the API takes them
export const LASTS = ['1h', '6h', '24h', '7d', '30d'] as const

/** Reads the part behind the `#`. What it does not know, it passes over: an old address still leads somewhere. */
export function readAddress(hash: string): Address {
  const [view = '', query = ''] = hash.replace(/^#/, '').split('?', 2)
  const given = new URLSearchParams(query)
  const until = Date.parse(given.get('until') ?? '')
  const window = given.get('window') ?? ''
  const last = given.get('last') ?? ''
  return {
    view: oneOf(VIEWS, view) ?? START.view,
    window: window in WINDOWS ? (window as WindowName) : START.window,
    until: Number.isNaN(until) ? null : until,
    severities: several(SEVERITIES, given.get('severity')),
    states: several(STATES, given.get('state')),
    minConfidence: numberBetween(0, 1, given.get('confidence'), START.minConfidence),
    incident: id(given.get('incident')),
    post: id(given.get('post')),
    text: (given.get('text') ?? '').slice(0, LONGEST),
    near: (given.get('near') ?? '').slice(0, 200),
    radiusKm: numberBetween(1, 2000, given.get('radius'), START.radiusKm),
    last: oneOf(LASTS, last) ?? ''
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
  put('incident', address.incident, null)
  put('post', address.post, null)
  put('text', address.text, '')
  put('near', address.near, '')
  put('radius', address.radiusKm, START.radiusKm)
  put('last', address.last, '')
  const query = given.toString()
  return `#${address.view}${query ? `?${query}` : ''}`
}

function oneOf<Known extends string>(known: readonly Known[], value: string): Known | null {
  return known.find(each => each === value) ?? null
}

function several<Known extends string>(known: readonly Known[], value: string | null): Known[] {
  const given = (value ?? '').split(',')
  return known.filter(each => given.includes(each))
}

function numberBetween(least: number, most: number, value: string | null, standard: number): number {
  const number = Number(value ?? Number.NaN)
  return value !== null && value !== '' && number >= least && number <= most ? number : standard
}

function id(value: string | null): string | null {
  return value !== null && value.length > 0 && value.length <= 512 ? value : null
}
