// The patches of a scene: their ids from the squares of its grid, and where their pictures are.
import type { Schemas } from '../api/client.ts'

export type SceneGrid = Schemas['ScenePatches']
export const PICTURES = ['s1', 's2', 'change'] as const
export const SCALE_LEVELS = ['480', '240', '120'] as const
export type Picture = (typeof PICTURES)[number]
export type ScaleLevel = (typeof SCALE_LEVELS)[number]

const ID = /^(.+)\/(\d+)\/g(\d+)\/r(\d+)c(\d+)$/

export interface Square {
  sceneId: string
  row: number
  column: number
}

/** The ids of all patches, in the order of the ground. */
export function idsOf(grid: SceneGrid): string[] {
  const prefix = `${grid.scene_id}/${grid.epsg}/g${grid.scale_level}`
  return grid.squares.map(([row = 0, column = 0]) => `${prefix}/r${digits(row)}c${digits(column)}`)
}

/** The square of a patch; null where the text is no patch's id. */
export function squareOf(id: string): Square | null {
  const [, sceneId, , , row, column] = ID.exec(id) ?? []
  return sceneId && row && column ? { sceneId, row: Number(row), column: Number(column) } : null
}

/** What names a patch among those of its scene: `r4098c0411`. */
export function shortName(id: string): string {
  return id.slice(id.lastIndexOf('/') + 1)
}

export function pictureAddress(id: string, picture: Picture): string {
  return `/v1/patches/pictures/${picture}.png?${new URLSearchParams({ patch_id: id })}`
}

function digits(number: number): string {
  return String(number).padStart(4, '0')
}
