// Rectangles on a map that goes round and round: a box may cross the 180th meridian, and then its west lies east of its
// east, as the API has it.
import type { Position } from 'geojson'
import type { Box } from '../state/search_parts.ts'

const DIGITS = 4 // of degrees: some ten metres

/** The box between two opposite corners, as the map has them: its longitudes go on beyond 180. Null where they are on one
 * spot. */
export function boxBetween(one: readonly [number, number], other: readonly [number, number]): Box | null {
  const south = rounded(Math.max(-90, Math.min(one[1], other[1])))
  const north = rounded(Math.min(90, Math.max(one[1], other[1])))
  const west = Math.min(one[0], other[0])
  const east = Math.max(one[0], other[0])
  if (east - west >= 360) return [-180, south, 180, north]
  const box: Box = [rounded(wrapped(west)), south, rounded(wrapped(east)), north]
  return box[0] === box[2] && south === north ? null : box
}

/** What a map shows, in longitudes that go on beyond 180. */
export type View = [west: number, south: number, east: number, north: number]

/** A view with as much around it as `share` of its width and height, so that a small move shows nothing empty. */
export function widened([west, south, east, north]: View, share = 0.4): View {
  const besides = (east - west) * share
  const above = (north - south) * share
  return [west - besides, Math.max(-90, south - above), east + besides, Math.min(90, north + above)]
}

/** Whether one view lies within another. */
export function isWithin(inner: View, outer: View): boolean {
  return inner[0] >= outer[0] && inner[1] >= outer[1] && inner[2] <= outer[2] && inner[3] <= outer[3]
}

/** A view as a box of the API; null where it is a single spot. */
export function boxOf([west, south, east, north]: View): Box | null {
  return boxBetween([west, south], [east, north])
}

/** The closed ring of a box, counter-clockwise, in longitudes that do not jump. */
export function ringOf([west, south, east, north]: Box): Position[] {
  const end = east < west ? east + 360 : east
  return [[west, south], [end, south], [end, north], [west, north], [west, south]]
}

function wrapped(longitude: number): number {
  return Math.abs(longitude) <= 180 ? longitude : ((((longitude + 180) % 360) + 360) % 360) - 180
}

function rounded(degrees: number): number {
  return Number(degrees.toFixed(DIGITS))
}
