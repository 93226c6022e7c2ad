// Which patches are chosen, as lists of files have it: one by a click, more with Ctrl or ⌘, a range with Shift.

export interface Choice {
  /** Where the keys stand; null before anything was chosen. */
  cursor: string | null
  /** Where a range begins. */
  anchor: string | null
  chosen: ReadonlySet<string>
}

export const NOTHING: Choice = { cursor: null, anchor: null, chosen: new Set() }

export interface Held {
  range?: boolean
  more?: boolean
}

/** A click on a patch, or a tap. */
export function clicked(choice: Choice, order: readonly string[], id: string, { range = false, more = false }: Held): Choice {
  if (range) return ranged(choice, order, id)
  if (!more) return { cursor: id, anchor: id, chosen: new Set([id]) }
  const chosen = new Set(choice.chosen)
  if (!chosen.delete(id)) chosen.add(id)
  return { cursor: id, anchor: id, chosen }
}

/** A step of the cursor by so many places; the first step goes to the first patch. With `range` all on the way are
 * chosen. */
export function moved(choice: Choice, order: readonly string[], by: number, range = false): Choice {
  if (order.length === 0) return NOTHING
  const at = choice.cursor === null ? -1 : order.indexOf(choice.cursor)
  const next = at < 0 ? order[0] : order[at + by]
  if (next === undefined) return choice // there is nothing in that direction
  return range ? ranged(choice, order, next) : { cursor: next, anchor: next, chosen: new Set([next]) }
}

/** To one end of the order. */
export function movedTo(choice: Choice, order: readonly string[], end: 'first' | 'last', range = false): Choice {
  const at = choice.cursor === null ? 0 : Math.max(0, order.indexOf(choice.cursor))
  return moved({ ...choice, cursor: order[at] ?? null }, order, end === 'first' ? -at : order.length - 1 - at, range)
}

/** What is left of a choice where other patches are shown. */
export function kept(choice: Choice, order: readonly string[]): Choice {
  const shown = new Set(order)
  const still = (id: string | null) => (id !== null && shown.has(id) ? id : null)
  return { cursor: still(choice.cursor), anchor: still(choice.anchor), chosen: new Set([...choice.chosen].filter(id => shown.has(id))) }
}

function ranged(choice: Choice, order: readonly string[], id: string): Choice {
  const from = choice.anchor === null ? -1 : order.indexOf(choice.anchor)
  const to = order.indexOf(id)
  if (from < 0 || to < 0) return { cursor: id, anchor: id, chosen: new Set([id]) }
  return { cursor: id, anchor: choice.anchor, chosen: new Set(order.slice(Math.min(from, to), Math.max(from, to) + 1)) }
}
