// The map's sources and layers: the base, the ground of incidents, and posts gathered into circles.
import type { ExpressionSpecification, LayerSpecification, SourceSpecification, StyleSpecification } from 'maplibre-gl'
import type { BaseMap } from './base_map.ts'
import type { Colours } from './colours.ts'

export const AREAS = 'areas'
export const POSTS = 'posts'
export const CLUSTERS = 'clusters'
export const SINGLE_POSTS = 'single-posts'
export const COUNT_IMAGE = 'count-'
const GATHERED_UNTIL_ZOOM = 13
const GATHERED_WITHIN = 44 // pixels

const EMPTY = { type: 'FeatureCollection' as const, features: [] }

export function style(base: BaseMap, colours: Colours): StyleSpecification {
  const sources: Record<string, SourceSpecification> = {
    land: { type: 'geojson', data: base.land, tolerance: 0.3 },
    coast: { type: 'geojson', data: base.coast, tolerance: 0.3 },
    borders: { type: 'geojson', data: base.borders, tolerance: 0.3 },
    [AREAS]: { type: 'geojson', data: EMPTY },
    [POSTS]: {
      type: 'geojson',
      data: EMPTY,
      cluster: true,
      clusterMaxZoom: GATHERED_UNTIL_ZOOM,
      clusterRadius: GATHERED_WITHIN
    }
  }
  return { version: 8, sources, layers: layers(colours) }
}

function layers(colours: Colours): LayerSpecification[] {
  const severity = severityColour(colours)
  return [
    { id: 'water', type: 'background', paint: { 'background-color': colours.water } },
    { id: 'land', type: 'fill', source: 'land', paint: { 'fill-color': colours.land, 'fill-antialias': false } },
    { id: 'borders', type: 'line', source: 'borders', paint: { 'line-color': colours.border, 'line-width': 1 } },
    { id: 'coast', type: 'line', source: 'coast', paint: { 'line-color': colours.coast, 'line-width': 1 } },
    { id: 'area-fill', type: 'fill', source: AREAS, paint: { 'fill-color': severity, 'fill-opacity': 0.16 } },
    { id: 'area-edge', type: 'line', source: AREAS, paint: { 'line-color': severity, 'line-width': 1.5 } },
    {
      id: CLUSTERS,
      type: 'circle',
      source: POSTS,
      filter: ['has', 'point_count'],
      paint: {
        'circle-color': colours.post,
        'circle-opacity': 0.85,
        'circle-stroke-color': colours.postEdge,
        'circle-stroke-width': 1,
        'circle-radius': ['interpolate', ['linear'], ['sqrt', ['get', 'point_count']], 1, 9, 6, 14, 30, 26]
      }
    },
    {
      id: 'cluster-counts',
      type: 'symbol',
      source: POSTS,
      filter: ['has', 'point_count'],
      layout: {
        'icon-image': ['concat', COUNT_IMAGE, ['to-string', ['get', 'point_count_abbreviated']]],
        'icon-allow-overlap': true
      }
    },
    {
      id: SINGLE_POSTS,
      type: 'circle',
      source: POSTS,
      filter: ['!', ['has', 'point_count']],
      paint: {
        'circle-color': colours.post,
        'circle-radius': 5,
        'circle-stroke-color': colours.postEdge,
        'circle-stroke-width': 1.5
      }
    }
  ]
}

function severityColour({ severity }: Colours): ExpressionSpecification {
  return [
    'match',
    ['get', 'severity'],
    'extreme',
    severity.extreme,
    'severe',
    severity.severe,
    'moderate',
    severity.moderate,
    severity.minor
  ]
}

/** What changes where the theme does. */
export function repainted(colours: Colours): [layer: string, property: string, value: unknown][] {
  return layers(colours).flatMap(layer =>
    Object.entries(layer.paint ?? {})
      .filter(([property]) => property.includes('color'))
      .map(([property, value]): [string, string, unknown] => [layer.id, property, value])
  )
}
