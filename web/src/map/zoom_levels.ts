// What a map shows of posts at each zoom: hexagons from afar, the larger the farther; near, circles and single posts.

/** From this zoom on posts are asked for, not counted. */
export const NEAR = 7

const RESOLUTIONS: [below: number, resolution: number][] = [
  [2.6, 2], // an edge of 183 km
  [4.2, 3],
  [5.6, 4],
  [NEAR, 5] // 10 km
]
const WHOLE_EARTH = 3 // the finest resolution at which the whole Earth has few enough cells

/** The H3 resolution in which posts are counted; null where they stand by themselves. */
export function resolutionAt(zoom: number): number | null {
  return RESOLUTIONS.find(([below]) => zoom < below)?.[1] ?? null
}

/** Whether cells of this resolution are asked for everywhere, not only where the map looks. */
export function isOfWholeEarth(resolution: number): boolean {
  return resolution <= WHOLE_EARTH
}
