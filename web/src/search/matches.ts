// What a saved search has matched: each post once, each place and day as it was ranked last, the newest first.
import type { PostDocument } from '../posts/post.ts'
import type { Hit } from './request.ts'

/** A new post that matches, as the stream tells it. What the page does not read is left out. */
export interface MatchedPost {
  match_id: string
  post_id: string
  relevance: number | null
  reason: string
  duplicate_count: number
  matched_at: string
  post: PostDocument
}

export type RankedHit = Hit & { previous_rank: number | null }
export type Match = { key: string; post: MatchedPost; hit: null } | { key: string; post: null; hit: RankedHit }

export const MOST_MATCHES = 200

/** The matches with one more. It may be told again: it stands once. */
export function withMatch(held: readonly Match[], name: string, data: unknown): readonly Match[] {
  const match = name === 'match' ? matchOfPost(data as MatchedPost) : matchOfHit(data as RankedHit)
  if (name === 'match' && held.some(each => each.key === match.key)) return held
  return [match, ...held.filter(each => each.key !== match.key)].slice(0, MOST_MATCHES)
}

function matchOfPost(post: MatchedPost): Match {
  return { key: post.match_id, post, hit: null }
}

function matchOfHit(hit: RankedHit): Match {
  return { key: hit.cell ?? hit.patch_id ?? hit.post_id ?? String(hit.rank), post: null, hit }
}
