// The names of towns as texts over the map: the largest first, none over another.
import type { Map } from 'maplibre-gl'
import townsUrl from './towns.json?url'

type Town = [name: string, longitude: number, latitude: number, thousands: number]

const MOST = 36
const LETTER = 6.4 // pixels
const LINE = 17
const APART = 8

/** Names towns on the map, whenever it stands or moves. The names lie below the buttons of incidents. */
export async function nameTowns(map: Map): Promise<void> {
  const holder = document.createElement('div')
  holder.className = 'towns'
  holder.setAttribute('aria-hidden', 'true')
  map.getCanvas().after(holder)
  const towns = (await (await fetch(townsUrl)).json()) as Town[]
  let waiting = false
  const draw = () => {
    waiting = false
    holder.replaceChildren(...labels(map, towns))
  }
  map.on('move', () => {
    if (!waiting) requestAnimationFrame(draw)
    waiting = true
  })
  map.on('resize', draw)
  draw()
}

function* labels(map: Map, towns: readonly Town[]): Generator<HTMLElement> {
  const bounds = map.getBounds()
  const smallest = smallestShown(map.getZoom())
  const taken: [left: number, top: number, right: number][] = []
  for (const [name, longitude, latitude, thousands] of towns) {
    if (taken.length >= MOST || thousands < smallest) return
    if (!bounds.contains([longitude, latitude])) continue
    const { x, y } = map.project([longitude, latitude])
    const right = x + APART + name.length * LETTER
    const isFree = taken.every(other => y > other[1] + LINE || y < other[1] - LINE || x > other[2] + APART || right + APART < other[0])
    if (!isFree) continue
    taken.push([x, y, right])
    const label = document.createElement('span')
    label.textContent = name
    label.style.transform = `translate(${Math.round(x)}px, ${Math.round(y)}px)`
    yield label
  }
}

/** Thousands of people from which on a town is named. */
function smallestShown(zoom: number): number {
  return zoom < 3 ? 5_000 : zoom < 4 ? 1_500 : zoom < 5 ? 600 : zoom < 6 ? 200 : 0
}
