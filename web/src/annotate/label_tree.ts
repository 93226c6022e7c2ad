// The catalogue of labels as a list that shows its levels, and the labels that people make below it.

export interface Label {
  label: string
  title: string
  level: number
  parent: string | null
  defined_by: string | null
}

const NAME = /[^a-z0-9]+/g
export const DEEPEST = 6 // levels

/** Each label after its parent; siblings by their titles. */
export function inTreeOrder(labels: readonly Label[]): Label[] {
  const below = new Map<string | null, Label[]>()
  for (const label of labels) below.set(label.parent, [...(below.get(label.parent) ?? []), label])
  const walk = (parent: string | null): Label[] =>
    (below.get(parent) ?? [])
      .sort((one, other) => one.title.localeCompare(other.title))
      .flatMap(label => [label, ...walk(label.label)])
  return walk(null)
}

/** The path of a label of one's own: `water-bodies/flooded-fields`. Empty where the title has no letter for it. */
export function pathBelow(parent: string, title: string): string {
  const name = title.normalize('NFKD').replace(/\p{M}/gu, '').toLowerCase().replace(NAME, '-').replace(/^-+|-+$/g, '')
  return name ? `${parent}/${name}`.slice(0, 120) : ''
}
