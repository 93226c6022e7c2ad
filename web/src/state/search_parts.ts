// What is looked for, as an address holds it: words or a likeness, a place, a time, and how much each modality counts.

export type Box = [west: number, south: number, east: number, north: number] // degrees; west may lie east of east

export const LASTS = ['1h', '6h', '24h', '7d', '30d'] as const
export const BETWEEN = 'between' // in place of a last: from one moment to another
export const SOURCES = ['posts', 'patches', 'both'] as const
export const MODALITIES = [
  'text', 'lexical', 'visual', 'concepts', 'space', 'time', 'spatiotemporal',
  'sar', 'ms', 'fused', 'earth', 'overhead', 'reported', 'new_water', 'labelled'
] as const
export const MOST_WEIGHT = 100

export type Modality = (typeof MODALITIES)[number]
export type Weights = Partial<Record<Modality, number>>

export interface SearchParts {
  text: string
  /** The id of a post, or of a patch, that hits are to be like. The API takes one of these or a text. */
  likePost: string | null
  likePatch: string | null
  /** The hash of a post's photo, or the name of a file that this browser holds. */
  photo: string | null
  near: string
  radiusKm: number
  box: Box | null
  last: string
  /** Milliseconds since 1970; they count where `last` is BETWEEN. */
  from: number | null
  to: number | null
  /** Posts, patches or both; empty: what the API takes for it. */
  sources: string
  weights: Weights
  /** The saved search whose matches are shown. */
  saved: string | null
}

export const NOTHING: SearchParts = {
  text: '',
  likePost: null,
  likePatch: null,
  photo: null,
  near: '',
  radiusKm: 50,
  box: null,
  last: '',
  from: null,
  to: null,
  sources: '',
  weights: {},
  saved: null
}

const LONGEST = 4000 // characters of a text, as the API takes them
const LONGEST_NAME = 100 // of a place

export function readSearchParts(given: URLSearchParams): SearchParts {
  return {
    text: (given.get('text') ?? '').slice(0, LONGEST),
    likePost: id(given.get('like')),
    likePatch: id(given.get('patch')),
    photo: /^[\w-]{8,64}$/.test(given.get('photo') ?? '') ? given.get('photo') : null,
    near: (given.get('near') ?? '').slice(0, LONGEST_NAME),
    radiusKm: numberBetween(1, 2000, given.get('radius'), NOTHING.radiusKm),
    box: readBox(given.get('box')),
    last: oneOf([...LASTS, BETWEEN], given.get('last')) ?? '',
    from: moment(given.get('from')),
    to: moment(given.get('to')),
    sources: oneOf(SOURCES, given.get('sources')) ?? '',
    weights: readWeights(given.get('weights')),
    saved: id(given.get('saved'))
  }
}

/** The parts that differ from NOTHING, by their names in an address. */
export function writtenSearchParts(parts: SearchParts): Record<string, string> {
  const iso = (at: number | null) => (at === null ? '' : new Date(at).toISOString())
  const written: Record<string, string> = {
    text: parts.text,
    like: parts.likePost ?? '',
    patch: parts.likePatch ?? '',
    photo: parts.photo ?? '',
    near: parts.near,
    radius: parts.radiusKm === NOTHING.radiusKm ? '' : String(parts.radiusKm),
    box: parts.box?.join(',') ?? '',
    last: parts.last,
    from: iso(parts.from),
    to: iso(parts.to),
    sources: parts.sources,
    weights: MODALITIES.flatMap(name => (name in parts.weights ? [`${name}:${parts.weights[name]}`] : [])).join(','),
    saved: parts.saved ?? ''
  }
  return Object.fromEntries(Object.entries(written).filter(([, value]) => value !== ''))
}

/** The weights with one of them changed; 1 is what counts without a weight, and is not kept. */
export function withWeight(weights: Weights, name: Modality, weight: number): Weights {
  const { [name]: _, ...others } = weights
  return weight === 1 ? others : { ...others, [name]: weight }
}

export function oneOf<Known extends string>(known: readonly Known[], value: string | null): Known | null {
  return known.find(each => each === value) ?? null
}

export function numberBetween(least: number, most: number, value: string | null, standard: number): number {
  const number = Number(value ?? Number.NaN)
  return value !== null && value !== '' && number >= least && number <= most ? number : standard
}

export function id(value: string | null): string | null {
  return value !== null && value.length > 0 && value.length <= 512 ? value : null
}

export function moment(value: string | null): number | null {
  const at = Date.parse(value ?? '')
  return Number.isNaN(at) ? null : at
}

function readBox(value: string | null): Box | null {
  const numbers = (value ?? '').split(',').map(part => (part.trim() === '' ? Number.NaN : Number(part)))
  const [west, south, east, north] = numbers
  if (west === undefined || south === undefined || east === undefined || north === undefined) return null
  const isOnEarth = Math.abs(west) <= 180 && Math.abs(east) <= 180 && south >= -90 && north <= 90 && south <= north
  return numbers.length === 4 && isOnEarth ? [west, south, east, north] : null
}

function readWeights(value: string | null): Weights {
  let weights: Weights = {}
  for (const pair of (value ?? '').split(',')) {
    const [name = '', weight = ''] = pair.split(':')
    const modality = oneOf(MODALITIES, name)
    if (modality) weights = withWeight(weights, modality, numberBetween(0, MOST_WEIGHT, weight, 1))
  }
  return weights
}
