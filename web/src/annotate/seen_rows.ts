// Which rows of a long grid are seen: only these stand in the document, however many there are.

export interface Pane {
  /** Pixels. */
  scrolled: number
  height: number
  rowHeight: number
  rows: number
}

/** How many cells of at least this width stand side by side; one at least. */
export function columnsIn(width: number, cell: number): number {
  return Math.max(1, Math.floor(width / cell))
}

/** The first row that is seen and the one after the last, with as many spare ones above and below. */
export function seenRows({ scrolled, height, rowHeight, rows }: Pane, spare = 2): [number, number] {
  const first = Math.floor(scrolled / rowHeight) - spare
  const end = Math.ceil((scrolled + height) / rowHeight) + spare
  return [Math.min(Math.max(0, first), rows), Math.min(Math.max(0, end), rows)]
}

/** How far to scroll so that a row is seen whole; where it is, nothing moves. */
export function scrolledTo(row: number, { scrolled, height, rowHeight }: Omit<Pane, 'rows'>): number {
  const top = row * rowHeight
  if (top < scrolled) return top
  return top + rowHeight > scrolled + height ? top + rowHeight - height : scrolled
}
