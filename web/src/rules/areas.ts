// Rectangles on the ground, as GeoJSON has them and as people give them.

/** Degrees; the west lies east of the east where the rectangle crosses the 180th meridian. */
export interface Box {
  west: number
  south: number
  east: number
  north: number
}

interface Polygon {
  type: 'Polygon'
  coordinates: number[][][]
}
interface MultiPolygon {
  type: 'MultiPolygon'
  coordinates: number[][][][]
}

const DIGITS = 4 // decimals of a degree: 10 m

/** The rectangle between two corners that were clicked, the shorter way around the globe. */
export function boxBetween(one: readonly [number, number], other: readonly [number, number]): Box {
  const [first, second] = [wrapped(one[0]), wrapped(other[0])]
  const [west, east] = Math.abs(first - second) > 180 ? [Math.max(first, second), Math.min(first, second)] : [Math.min(first, second), Math.max(first, second)]
  return { west, south: rounded(Math.min(one[1], other[1])), east, north: rounded(Math.max(one[1], other[1])) }
}

/** A rectangle around a point, so many kilometres to each side. */
export function boxAround(longitude: number, latitude: number, km: number): Box {
  const up = km / 111.2
  const along = up / Math.max(0.05, Math.cos((latitude * Math.PI) / 180))
  return {
    west: wrapped(longitude - along),
    south: rounded(Math.max(-90, latitude - up)),
    east: wrapped(longitude + along),
    north: rounded(Math.min(90, latitude + up))
  }
}

/** Whether it encloses anything, and lies on the globe. */
export function isWhole({ west, south, east, north }: Box): boolean {
  const isOnGlobe = [west, east].every(each => Math.abs(each) <= 180) && [south, north].every(each => Math.abs(each) <= 90)
  return isOnGlobe && south < north && west !== east
}

export function geometryOf({ west, south, east, north }: Box): Polygon | MultiPolygon {
  if (west < east) return { type: 'Polygon', coordinates: [ring(west, south, east, north)] }
  return { type: 'MultiPolygon', coordinates: [[ring(west, south, 180, north)], [ring(-180, south, east, north)]] }
}

/** The rectangle of a geometry; null where it is any other shape. */
export function boxOf(area: unknown): Box | null {
  const { type, coordinates } = (area ?? {}) as { type?: string; coordinates?: unknown }
  if (type === 'MultiPolygon' && Array.isArray(coordinates) && coordinates.length === 2) {
    const [first, second] = (coordinates as number[][][][]).map(rings => boxOf({ type: 'Polygon', coordinates: rings }))
    const isCut = first?.east === 180 && second?.west === -180 && first.south === second.south && first.north === second.north
    return first && second && isCut ? { ...first, east: second.east } : null
  }
  const points = type === 'Polygon' && Array.isArray(coordinates) && coordinates.length === 1 ? (coordinates[0] as number[][]) : []
  if (points.length !== 5) return null
  const box = {
    west: Math.min(...points.map(point => point[0] ?? NaN)),
    south: Math.min(...points.map(point => point[1] ?? NaN)),
    east: Math.max(...points.map(point => point[0] ?? NaN)),
    north: Math.max(...points.map(point => point[1] ?? NaN))
  }
  const corners = new Set(points.map(point => point.join(' ')))
  const isRectangle = ring(box.west, box.south, box.east, box.north).every(point => corners.has(point.join(' ')))
  return isRectangle && corners.size === 4 ? box : null
}

function ring(west: number, south: number, east: number, north: number): number[][] {
  return [[west, south], [east, south], [east, north], [west, north], [west, south]]
}

function wrapped(longitude: number): number {
  return rounded(longitude >= -180 && longitude <= 180 ? longitude : ((((longitude + 180) % 360) + 360) % 360) - 180)
}

function rounded(degrees: number): number {
  return Number(degrees.toFixed(DIGITS))
}
