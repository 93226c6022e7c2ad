// Where a hit lies: a post by the place that it names, a patch by its middle.
import { pointOf, type PostDocument } from '../posts/post.ts'
import type { Hit } from './request.ts'

/** Longitude and latitude; null where the hit names no point. */
export function pointOfHit(hit: Pick<Hit, 'post' | 'patch'>): [number, number] | null {
  if (hit.patch) return degrees(hit.patch.longitude, hit.patch.latitude)
  const place = hit.post ? pointOf(hit.post as unknown as PostDocument) : null
  return place ? degrees(place.longitude, place.latitude) : null
}

function degrees(longitude: unknown, latitude: unknown): [number, number] | null {
  return typeof longitude === 'number' && typeof latitude === 'number' ? [longitude, latitude] : null
}
