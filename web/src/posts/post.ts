// A post as the API shows it, and where it is. What the page does not read is left out.

export interface Place {
  name: string
  longitude: number
  latitude: number
  confidence: number
  kind: string
  radius_km?: number | null
  country_code?: string | null
}

export interface Photo {
  hash?: string
  url?: string
  media_kind?: string
}

export interface PostDocument {
  post_id: string
  source: string
  text: string
  created_at: string
  language: string
  url?: string | null
  places: Place[]
  photos?: Photo[]
  labels?: string[]
}

const AREAS = new Set(['country', 'region'])
const LARGEST = 100 // kilometres: the middle of a larger place says little about where something happens

/** The place by which a post stands on the map: the first that is a point. A country's middle would be made up. */
export function pointOf(post: PostDocument): Place | null {
  return post.places.find(place => !AREAS.has(place.kind) && (place.radius_km ?? 0) <= LARGEST) ?? null
}
