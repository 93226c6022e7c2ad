// What the map of a night has over the ground: the areas of incidents; posts counted by hexagon from afar, gathered into
// circles and single when near.
import type { ExpressionSpecification, LayerSpecification } from 'maplibre-gl'
import { EMPTY, type Overlay } from './base_layers.ts'
import type { Colours } from './colours.ts'
import { NEAR } from './zoom_levels.ts'

export const AREAS = 'areas'
export const HEAT = 'heat'
export const POSTS = 'posts'
export const CLUSTERS = 'clusters'
export const SINGLE_POSTS = 'single-posts'
export const COUNT_IMAGE = 'count-'
/** From how many posts on a hexagon has the next colour. */
export const HEAT_STEPS = [3, 10, 30, 100] as const
const GATHERED_UNTIL_ZOOM = 13
const GATHERED_WITHIN = 44 // pixels

export const NIGHT: Overlay = {
  sources: {
    [HEAT]: { type: 'geojson', data: EMPTY, tolerance: 0 },
    [AREAS]: { type: 'geojson', data: EMPTY },
    [POSTS]: {
      type: 'geojson',
      data: EMPTY,
      cluster: true,
      clusterMaxZoom: GATHERED_UNTIL_ZOOM,
      clusterRadius: GATHERED_WITHIN
    }
  },
  layers
}

function layers(colours: Colours): LayerSpecification[] {
  const severity = severityColour(colours)
  return [
    { id: HEAT, type: 'fill', source: HEAT, maxzoom: NEAR, paint: { 'fill-color': heatColour(colours), 'fill-opacity': 0.8 } },
    { id: 'heat-edge', type: 'line', source: HEAT, maxzoom: NEAR, paint: { 'line-color': colours.land, 'line-width': 1 } },
    { id: 'area-fill', type: 'fill', source: AREAS, paint: { 'fill-color': severity, 'fill-opacity': 0.16 } },
    { id: 'area-edge', type: 'line', source: AREAS, paint: { 'line-color': severity, 'line-width': 1.5 } },
    {
      id: CLUSTERS,
      type: 'circle',
      minzoom: NEAR,
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
      minzoom: NEAR,
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
      minzoom: NEAR,
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

function heatColour({ heat: [fewest, ...others] }: Colours): ExpressionSpecification {
  const steps = HEAT_STEPS.flatMap((from, place) => [from, others[place]!])
  return ['step', ['get', 'posts'], fewest, ...steps] as ExpressionSpecification
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
