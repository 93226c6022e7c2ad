// Builds the base map from Natural Earth at 10 m (public domain; in the package `world-atlas`): the coast and the borders,
// simplified so that the whole page stays small. Lines shorter than what a screen shows at zoom 7 are dropped.
import { readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { feature } from 'topojson-client'
import { topology } from 'topojson-server'
import { presimplify, simplify } from 'topojson-simplify'

const SMALLEST_TRIANGLE = Number(process.argv[2] ?? 2e-4) // square degrees
const QUANTIZATION = 1e5 // steps over 360 degrees: 400 m at the equator

const atlas = JSON.parse(readFileSync(createRequire(import.meta.url).resolve('world-atlas/countries-10m.json'), 'utf8'))
for (const country of atlas.objects.countries.geometries) {
  delete country.properties
  delete country.id
}
const simplified = simplify(presimplify(atlas), SMALLEST_TRIANGLE)
const countries = feature(simplified, simplified.objects.countries)
for (const { geometry } of countries.features) unwrapped(geometry)
const built = topology({ countries }, QUANTIZATION)
writeFileSync(new URL('../src/map/base_map.json', import.meta.url), JSON.stringify(built))

/** The atlas joins what lies on both sides of the 180th meridian: a map on a plane wants it to go on beyond. */
function unwrapped(geometry) {
  const polygons = geometry.type === 'Polygon' ? [geometry.coordinates] : geometry.coordinates
  for (const polygon of polygons) {
    for (const ring of polygon) {
      for (let place = 1; place < ring.length; place++) {
        ring[place][0] -= 360 * Math.round((ring[place][0] - ring[place - 1][0]) / 360)
      }
      const middle = ring.reduce((sum, [longitude]) => sum + longitude, 0) / ring.length
      const shift = 360 * Math.round(middle / 360)
      for (const point of ring) point[0] -= shift
      const around = ring.at(-1)[0] - ring[0][0]
      if (Math.abs(around) > 180) ring.push([ring.at(-1)[0], -90], [ring[0][0], -90], [...ring[0]]) // Antarctica
    }
  }
}
