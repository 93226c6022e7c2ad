// What was marked in a round and not sent yet, what was sent, and the way back through both.

export type Sign = 'positive' | 'negative'

/** A mark. Its id is the annotation's: a round that is sent again after a broken connection is kept once. */
export interface Mark {
  sign: Sign
  annotationId: string
}

export type Marks = ReadonlyMap<string, Mark>
type Step = { kind: 'marked'; before: Marks } | { kind: 'sent'; marks: Marks }

export interface Work {
  marks: Marks
  steps: readonly Step[]
}

export const NO_WORK: Work = { marks: new Map(), steps: [] }
const MOST_STEPS = 200

/** Marks patches. Where all of them bear this mark already, it is taken away. */
export function marked(work: Work, ids: Iterable<string>, sign: Sign, newId: () => string): Work {
  const wanted = [...ids]
  if (wanted.length === 0) return work
  const takesAway = wanted.every(id => work.marks.get(id)?.sign === sign)
  const marks = new Map(work.marks)
  for (const id of wanted) {
    if (takesAway) marks.delete(id)
    else if (marks.get(id)?.sign !== sign) marks.set(id, { sign, annotationId: newId() })
  }
  return { marks, steps: [...work.steps, { kind: 'marked' as const, before: work.marks }].slice(-MOST_STEPS) }
}

/** The round was sent: what of it was kept can be undone as a whole; what was refused stays marked. */
export function sent(work: Work, keptIds: ReadonlySet<string>): Work {
  const wasKept = ([, mark]: [string, Mark]) => keptIds.has(mark.annotationId)
  const step: Step = { kind: 'sent', marks: new Map([...work.marks].filter(wasKept)) }
  const rest = new Map([...work.marks].filter(each => !wasKept(each)))
  const before = work.steps.filter(each => each.kind === 'sent')
  return { marks: rest, steps: step.marks.size > 0 ? [...before, step].slice(-MOST_STEPS) : before }
}

/** What the next undo takes back from the server: annotations, or nothing where the last step was not sent. */
export function toTakeBack(work: Work): string[] {
  const last = work.steps.at(-1)
  return last?.kind === 'sent' ? [...last.marks.values()].map(mark => mark.annotationId) : []
}

/** One step back. A round that was sent stands as it was before, under new ids: the old ones stay undone on the log. */
export function undone(work: Work, newId: () => string): Work {
  const last = work.steps.at(-1)
  if (!last) return work
  const steps = work.steps.slice(0, -1)
  if (last.kind === 'marked') return { marks: last.before, steps }
  const again = [...last.marks].map(([id, mark]) => [id, { ...mark, annotationId: newId() }] as const)
  return { marks: new Map([...again, ...work.marks]), steps }
}

/** The annotations of a round, as the API takes them, in portions of what one request may hold. */
export function portions(marks: Marks, label: string, most = 1000): Record<string, string>[][] {
  const drafts = [...marks].map(([id, mark]) => ({ item_id: id, label, sign: mark.sign, annotation_id: mark.annotationId }))
  return Array.from({ length: Math.ceil(drafts.length / most) }, (_, place) => drafts.slice(place * most, (place + 1) * most))
}
