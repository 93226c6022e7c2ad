// The ground that every map of the page has: water, land, borders and coast, with what a view lays over it.
import type { LayerSpecification, Map, SourceSpecification } from 'maplibre-gl'
import workerUrl from 'maplibre-gl/dist/maplibre-gl-worker.mjs?url'
import type { BaseMap } from './base_map.ts'
import { baseMap } from './base_map.ts'
import type { Colours } from './colours.ts'
import { nameTowns } from './town_labels.ts'

export const EMPTY = { type: 'FeatureCollection' as const, features: [] }

/** What a view lays over the ground. Its layers are made anew for another theme's colours. */
export interface Overlay {
  sources: Record<string, SourceSpecification>
  layers: (colours: Colours) => LayerSpecification[]
}

export interface OpenedMap {
  map: Map
  library: typeof import('maplibre-gl')
}

/** A map of the whole Earth in `holder`; `loaded` is called when it can be drawn on. Throws TypeError where its files cannot
 * be had; null where `isGone` says so meanwhile. */
export async function openMap(holder: HTMLElement, overlay: Overlay, colours: Colours, isGone: () => boolean, loaded: (map: Map) => void): Promise<OpenedMap | null> {
  const [library, base] = await Promise.all([import('maplibre-gl'), baseMap()])
  if (isGone()) return null
  library.setWorkerUrl(workerUrl)
  const map = new library.Map({
    container: holder,
    style: { version: 8, sources: { ...baseSources(base), ...overlay.sources }, layers: [...baseLayers(colours), ...overlay.layers(colours)] },
    center: [10, 30],
    zoom: 1.4,
    maxZoom: 15,
    attributionControl: false,
    dragRotate: false,
    pitchWithRotate: false,
    fadeDuration: 0
  })
  map.touchZoomRotate.disableRotation()
  map.once('load', () => {
    if (isGone()) return
    loaded(map)
    void nameTowns(map)
  })
  return { map, library }
}

/** Gives a map another theme's colours. */
export function repaint(map: Map, overlay: Overlay, colours: Colours): void {
  for (const layer of [...baseLayers(colours), ...overlay.layers(colours)]) {
    for (const [property, value] of Object.entries(layer.paint ?? {})) {
      if (property.includes('color')) map.setPaintProperty(layer.id, property as never, value as never)
    }
  }
}

function baseSources(base: BaseMap): Record<string, SourceSpecification> {
  return {
    land: { type: 'geojson', data: base.land, tolerance: 0.3 },
    coast: { type: 'geojson', data: base.coast, tolerance: 0.3 },
    borders: { type: 'geojson', data: base.borders, tolerance: 0.3 }
  }
}

function baseLayers(colours: Colours): LayerSpecification[] {
  return [
    { id: 'water', type: 'background', paint: { 'background-color': colours.water } },
    { id: 'land', type: 'fill', source: 'land', paint: { 'fill-color': colours.land, 'fill-antialias': false } },
    { id: 'borders', type: 'line', source: 'borders', paint: { 'line-color': colours.border, 'line-width': 1 } },
    { id: 'coast', type: 'line', source: 'coast', paint: { 'line-color': colours.coast, 'line-width': 1 } }
  ]
}
