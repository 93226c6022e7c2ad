// The base map: land and borders from Natural Earth (10 m), as a file of the page. No other server is asked.
import type { FeatureCollection, MultiLineString } from 'geojson'
import { feature, mesh } from 'topojson-client'
import type { GeometryCollection, Topology } from 'topojson-specification'
import baseMapUrl from './base_map.json?url'

export interface BaseMap {
  land: FeatureCollection
  coast: MultiLineString
  borders: MultiLineString
}

/** Fetches it. Throws TypeError where it cannot be had. */
export async function baseMap(): Promise<BaseMap> {
  const topology = (await (await fetch(baseMapUrl)).json()) as Topology<{ countries: GeometryCollection }>
  const { countries } = topology.objects
  return {
    land: feature(topology, countries),
    coast: mesh(topology, countries, (one, other) => one === other),
    borders: mesh(topology, countries, (one, other) => one !== other)
  }
}
