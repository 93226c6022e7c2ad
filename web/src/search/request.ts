// What is looked for, as the API takes it, and what its answer says in words.
import type { Schemas } from '../api/client.ts'
import type { Address } from '../state/address.ts'

export type Answer = Schemas['SearchAnswer']
export type Hit = Schemas['Hit']
const PAGE = 20
const API_LASTS: Record<string, string> = { '1h': '1h', '6h': '6h', '24h': '24h', '7d': '7d', '30d': '30d' }

/** The request of an address; null where there is nothing to look for. */
export function searchRequest(address: Address, cursor: string | null = null): Record<string, unknown> | null {
  const text = address.text.trim()
  const near = address.near.trim()
  const last = API_LASTS[address.last]
  if (!text && !near && !last) return null
  return {
    ...(text ? { text } : {}),
    ...(near ? { near, radius_km: address.radiusKm } : {}),
    ...(last ? { filters: { last } } : {}),
    ...(cursor ? { cursor } : {}),
    limit: PAGE
  }
}

/** The lists that decided a hit's rank; empty where all its ranks did together. */
export function decidedBy(hit: Pick<Hit, 'decided_by' | 'best_pair' | 'ranks'>): string[] {
  if (hit.decided_by && hit.decided_by.length > 0) return hit.decided_by
  if (hit.best_pair.length > 0) return hit.best_pair
  const only = Object.keys(hit.ranks)
  return only.length === 1 ? only : []
}
