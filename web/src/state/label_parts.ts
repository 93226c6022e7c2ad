// The parts of an address that say what is labelled, and which rule is open.

export interface LabelParts {
  /** A scene's id, `newest` or `all`. */
  scene: string
  /** The side of a patch, px. */
  level: '480' | '240' | '120'
  label: string
  /** The collection, for one work of many: `patches/flood-2025`. */
  work: string
  /** Where the label is looked for: inside of what its model accepts at a coarser level, `flood-water@480`; or anywhere. */
  inside: string
  shown: 'all' | 'next' | 'yes' | 'no' | 'disputed'
  /** The rule's id; `new`: one that is being made. */
  rule: string | null
}

export const NO_LABEL: LabelParts = {
  scene: 'newest',
  level: '120',
  label: 'water-bodies',
  work: 'patches',
  inside: '',
  shown: 'all',
  rule: null
}

const FORMS: Record<keyof LabelParts, RegExp> = {
  scene: /^.{3,420}$/u,
  level: /^(480|240|120)$/,
  label: /^(?=.{1,120}$)[a-z0-9][a-z0-9-]*(\/[a-z0-9][a-z0-9-]*)*$/,
  work: /^(?=.{1,80}$)patches(\/[a-z0-9][a-z0-9_.-]*)?$/,
  inside: /^(?=.{1,130}$)[a-z0-9][a-z0-9/-]*@(480|240)$/,
  shown: /^(all|next|yes|no|disputed)$/,
  rule: /^[a-z0-9][a-z0-9._-]{0,63}$/
}

/** What an address has of them; what is not of their form is passed over. */
export function readLabelParts(given: URLSearchParams): LabelParts {
  const known = Object.entries(FORMS).filter(([name, form]) => form.test(given.get(name) ?? ''))
  return { ...NO_LABEL, ...Object.fromEntries(known.map(([name]) => [name, given.get(name)])) }
}

/** What differs from the start. */
export function writtenLabelParts(parts: LabelParts): Record<string, string> {
  const names = Object.keys(FORMS) as (keyof LabelParts)[]
  return Object.fromEntries(names.flatMap(name => (parts[name] !== NO_LABEL[name] && parts[name] ? [[name, parts[name]]] : [])))
}
