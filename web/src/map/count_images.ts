// The numbers in circles of posts, drawn as pictures when they are first needed: the map has no glyphs, which would have to
// come from a server.
import type { Map } from 'maplibre-gl'
import { COUNT_IMAGE } from './layers.ts'

const WIDTH = 40
const HEIGHT = 16
const SHARPNESS = 2 // pixels of the picture for one of the map

/** Draws numbers for a map from now on. `colour` is asked each time: the theme may change. */
export function drawCounts(map: Map, colour: () => string): void {
  map.setMissingStyleImageResolver(id => {
    if (id.startsWith(COUNT_IMAGE) && !map.hasImage(id)) {
      map.addImage(id, drawn(id.slice(COUNT_IMAGE.length), colour()), { pixelRatio: SHARPNESS })
    }
  })
}

/** Forgets the numbers of another theme. */
export function forgetCounts(map: Map): void {
  for (const id of map.listImages()) if (id.startsWith(COUNT_IMAGE)) map.removeImage(id)
}

function drawn(text: string, colour: string): ImageData {
  const canvas = new OffscreenCanvas(WIDTH * SHARPNESS, HEIGHT * SHARPNESS)
  const brush = canvas.getContext('2d')!
  brush.scale(SHARPNESS, SHARPNESS)
  brush.fillStyle = colour
  brush.font = '600 11px system-ui, sans-serif'
  brush.textAlign = 'center'
  brush.textBaseline = 'middle'
  brush.fillText(text, WIDTH / 2, HEIGHT / 2 + 0.5)
  return brush.getImageData(0, 0, canvas.width, canvas.height)
}
