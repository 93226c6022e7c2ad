// Photos that are looked for. A file of somebody's own stays in this browser: its name in an address means nothing to
// another. It is made smaller before it is sent, which takes out where it was taken and by which camera.
import { ask, askBlob, inPath, type Schemas } from '../api/client.ts'

export const PICTURE_TYPES = ['image/jpeg', 'image/png', 'image/webp', 'image/gif']
const MOST_BYTES = 40_000_000 // of a file: more than any camera's JPEG, less than what a browser cannot decode
const MOST_HELD = 8 // so that the browser's back leads to the photo before
const SIDE = 1024 // pixels of the longer side, far more than the models look at
const QUALITY = 0.9
const OF_A_SAVED_SEARCH = 'saved-'
const OF_A_POST = /^[0-9a-f]{64}$/

export interface Picture {
  base64: string // a JPEG
  url: string // to show it
}

export type PictureFault = 'type' | 'size' | 'unreadable'

/** Why a file is no photo to look for. */
export class BadPicture extends Error {
  constructor(readonly fault: PictureFault) {
    super(fault)
  }
}

const held = new Map<string, Picture>()

/** Holds a file of somebody's own under a new name. Throws BadPicture. */
export async function takePicture(file: Blob): Promise<string> {
  if (!PICTURE_TYPES.includes(file.type)) throw new BadPicture('type')
  if (file.size > MOST_BYTES) throw new BadPicture('size')
  const name = `file-${Array.from(crypto.getRandomValues(new Uint8Array(8)), byte => byte.toString(16).padStart(2, '0')).join('')}`
  hold(name, await madeSmaller(file))
  return name
}

/** The photo of an address: a file that is held here, a post's photo by its hash, or that of a saved search by its id; null
 * where it is a file of another browser, or of this one before it was loaded anew. Throws Refusal and BadPicture. */
export async function pictureOf(name: string): Promise<Picture | null> {
  if (held.has(name)) return held.get(name) ?? null
  const blob = OF_A_POST.test(name) ? await askBlob(`/v1/photos/${name}`, { query: { size: 'full' } }) : await pictureOfSaved(name)
  if (blob) hold(name, await madeSmaller(blob))
  return held.get(name) ?? null
}

/** The photo of a saved search, which keeps a small one as a data URL. */
async function pictureOfSaved(name: string): Promise<Blob | null> {
  if (!name.startsWith(OF_A_SAVED_SEARCH)) return null
  const { request } = await ask<Schemas['SavedSearchResponse']>(`/v1/saved-searches/${inPath(name)}`)
  const base64 = typeof request.picture === 'string' ? request.picture.replace(/^data:[^,]*,/, '') : ''
  return base64 ? new Blob([Uint8Array.from(atob(base64), letter => letter.charCodeAt(0))], { type: 'image/jpeg' }) : null
}

function hold(name: string, picture: Picture): void {
  held.set(name, picture)
  const [oldest] = held
  if (oldest && held.size > MOST_HELD) {
    URL.revokeObjectURL(oldest[1].url)
    held.delete(oldest[0])
  }
}

/** The width and height with the longer side at most SIDE. */
export function fitted(width: number, height: number): [number, number] {
  const scale = Math.min(1, SIDE / Math.max(width, height))
  return [Math.max(1, Math.round(width * scale)), Math.max(1, Math.round(height * scale))]
}

async function madeSmaller(file: Blob): Promise<Picture> {
  const pixels = await createImageBitmap(file).catch(() => {
    throw new BadPicture('unreadable')
  })
  const [width, height] = fitted(pixels.width, pixels.height)
  const canvas = document.createElement('canvas')
  canvas.width = width
  canvas.height = height
  const brush = canvas.getContext('2d')!
  brush.fillStyle = '#fff' // behind what is transparent
  brush.fillRect(0, 0, width, height)
  brush.drawImage(pixels, 0, 0, width, height)
  pixels.close()
  const jpeg = await new Promise<Blob | null>(resolve => canvas.toBlob(resolve, 'image/jpeg', QUALITY))
  if (!jpeg) throw new BadPicture('unreadable')
  return { base64: await base64Of(jpeg), url: URL.createObjectURL(jpeg) }
}

function base64Of(blob: Blob): Promise<string> {
  return new Promise((resolve, reject) => {
    const reader = new FileReader()
    reader.onload = () => resolve(String(reader.result).split(',', 2)[1] ?? '')
    reader.onerror = () => reject(new BadPicture('unreadable'))
    reader.readAsDataURL(blob)
  })
}
