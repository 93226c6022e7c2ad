// From a saved search back to the address of the question that was saved.
import { BETWEEN, LASTS, MODALITIES, moment, NOTHING, oneOf, type Box, type SearchParts, type Weights } from '../state/search_parts.ts'

type Fields = Record<string, unknown>
const BESIDE = new Set(['limit', 'score_threshold', 'min_relevance', 'within', 'window']) // no part of the question itself

/** The parts of a saved request as an address holds them. `isWhole` is false where it asks for more than the page can show. */
export function partsOf(savedId: string, request: Fields): { parts: SearchParts; isWhole: boolean } {
  const parts = { ...NOTHING, weights: {}, saved: savedId }
  const rest = Object.entries(request).filter(([name, value]) => !BESIDE.has(name) && !take(parts, name, value))
  return { parts, isWhole: rest.every(([, value]) => isEmpty(value)) }
}

/** Whether a field has its place in an address, where it now stands. */
function take(parts: SearchParts, name: string, value: unknown): boolean {
  if (name === 'text' && typeof value === 'string') parts.text = value
  else if (name === 'post_id' && typeof value === 'string') parts.likePost = value
  else if (name === 'patch_id' && typeof value === 'string') parts.likePatch = value
  else if (name === 'picture' && typeof value === 'string') parts.photo = parts.saved
  else if (name === 'near' && typeof value === 'string') parts.near = value
  else if (name === 'radius_km' && typeof value === 'number') parts.radiusKm = value
  else if (name === 'sources' && Array.isArray(value)) parts.sources = value.length === 2 ? 'both' : String(value[0] ?? '')
  else if (name === 'weights' && isFields(value)) parts.weights = weightsOf(value)
  else if (name === 'place' && isFields(value)) return takePlace(parts, value)
  else if (name === 'filters' && isFields(value)) return takeFilters(parts, value)
  else return false
  return true
}

function takePlace(parts: SearchParts, place: Fields): boolean {
  const { box, near, radius_km: radius, ...rest } = place
  if (isBox(box)) parts.box = box
  if (typeof near === 'string') parts.near = near
  if (typeof radius === 'number') parts.radiusKm = radius
  return Object.values(rest).every(isEmpty)
}

function takeFilters(parts: SearchParts, filters: Fields): boolean {
  const { last, since, until, ...rest } = filters
  const known = oneOf(LASTS, typeof last === 'string' ? last : null)
  if (known) parts.last = known
  parts.from = moment(typeof since === 'string' ? since : null)
  parts.to = moment(typeof until === 'string' ? until : null)
  if (parts.from !== null || parts.to !== null) parts.last = BETWEEN
  return (isEmpty(last) || known !== null) && Object.values(rest).every(isEmpty)
}

function weightsOf(given: Fields): Weights {
  return Object.fromEntries(MODALITIES.flatMap(name => (typeof given[name] === 'number' ? [[name, given[name]]] : [])))
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isBox(value: unknown): value is Box {
  return Array.isArray(value) && value.length === 4 && value.every(each => typeof each === 'number')
}

function isEmpty(value: unknown): boolean {
  if (Array.isArray(value)) return value.length === 0
  return value === null || value === undefined || value === '' || (isFields(value) && Object.values(value).every(isEmpty))
}
