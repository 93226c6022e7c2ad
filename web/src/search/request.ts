// What is looked for, as the API takes it, and what its answer says in words.
import type { Schemas } from '../api/client.ts'
import { BETWEEN, MODALITIES, type Modality, type SearchParts } from '../state/search_parts.ts'

export type Answer = Schemas['SearchAnswer']
export type Hit = Schemas['Hit']
const PAGE = 20
const SOURCES: Record<string, string[]> = { posts: ['posts'], patches: ['patches'], both: ['posts', 'patches'] }

/** The request of an address; null where there is nothing to look for. `picture` is the photo's JPEG in base64. */
export function searchRequest(parts: SearchParts, picture: string | null = null, cursor: string | null = null): Record<string, unknown> | null {
  const evidence = { ...likeness(parts), ...(parts.photo && picture ? { picture } : {}) }
  const limits = { ...placeOf(parts), ...timeOf(parts) }
  if (Object.keys(evidence).length + Object.keys(limits).length === 0) return null
  return {
    ...evidence,
    ...limits,
    ...(parts.sources ? { sources: SOURCES[parts.sources] } : {}),
    ...(Object.keys(parts.weights).length > 0 ? { weights: parts.weights } : {}),
    ...(cursor ? { cursor } : {}),
    limit: PAGE
  }
}

/** A post, a patch or a text: the API takes one of them. */
function likeness({ likePost, likePatch, text }: SearchParts): Record<string, string> {
  if (likePost) return { post_id: likePost }
  if (likePatch) return { patch_id: likePatch }
  return text.trim() ? { text: text.trim() } : {}
}

function placeOf({ box, near, radiusKm }: SearchParts): Record<string, unknown> {
  if (box) return { place: { box } }
  return near.trim() ? { near: near.trim(), radius_km: radiusKm } : {}
}

function timeOf({ last, from, to }: SearchParts): Record<string, unknown> {
  if (last !== BETWEEN) return last ? { filters: { last } } : {}
  const filters = {
    ...(from === null ? {} : { since: new Date(from).toISOString() }),
    ...(to === null ? {} : { until: new Date(to).toISOString() })
  }
  return Object.keys(filters).length > 0 ? { filters } : {}
}

/** The modalities that a slider is shown for: those that the answer has a list of, or had one without its weight. */
export function weighed(answer: Pick<Answer, 'lists' | 'empty_modalities'> | null, parts: SearchParts): Modality[] {
  const present = new Set([...Object.keys(answer?.lists ?? {}), ...(answer?.empty_modalities ?? []), ...Object.keys(parts.weights)])
  return MODALITIES.filter(name => present.has(name))
}

/** The lists that decided a hit's rank; empty where all its ranks did together. */
export function decidedBy(hit: Pick<Hit, 'decided_by' | 'best_pair' | 'ranks'>): string[] {
  if (hit.decided_by && hit.decided_by.length > 0) return hit.decided_by
  if (hit.best_pair.length > 0) return hit.best_pair
  const only = Object.keys(hit.ranks)
  return only.length === 1 ? only : []
}
