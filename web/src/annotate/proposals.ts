// What a round proposes to look at, and the order in which patches are shown: first where a label teaches most.
import type { Sign } from './marks.ts'

export const LISTS = ['boundary', 'top', 'coverage'] as const
export type ListName = (typeof LISTS)[number]
export const SHOWN = ['all', 'next', 'yes', 'no', 'disputed'] as const
export type Shown = (typeof SHOWN)[number]

interface Item {
  item_id: string
  probability: number
}

/** The answer of `POST /v1/feedback`, as far as the page reads it. */
export interface Feedback extends Record<ListName, Item[]> {
  round: number
  scored: number
  saved: number
  positive_share: number | null
  model: { version: string; separates: boolean; labels: Record<'positive' | 'negative' | 'disputed' | 'skipped', number> }
  advice: { stop: boolean; why: string }
}

export interface Proposal {
  list: ListName
  probability: number
}

/** Each proposed patch once, the boundary first. */
export function proposalsOf(feedback: Feedback | null): Map<string, Proposal> {
  const proposals = new Map<string, Proposal>()
  for (const list of feedback ? LISTS : []) {
    for (const { item_id, probability } of feedback?.[list] ?? []) {
      if (!proposals.has(item_id)) proposals.set(item_id, { list, probability })
    }
  }
  return proposals
}

/** What people said of a patch. */
export interface Vote {
  mine: Sign | null
  others: number
  sign: Sign | null
  isDisputed: boolean
}

export interface Annotation {
  annotation_id: string
  item_id: string
  sign: Sign | 'skip'
  annotator: string
}

/** The votes of annotations that stand, in the order in which they came: the same person's later one holds. */
export function votesOf(annotations: readonly Annotation[], me: string): Map<string, Vote> {
  const signs = new Map<string, Map<string, Sign>>()
  for (const { item_id, annotator, sign } of annotations) {
    const people = signs.get(item_id) ?? new Map<string, Sign>()
    if (sign === 'skip') people.delete(annotator)
    else people.set(annotator, sign)
    signs.set(item_id, people)
  }
  return new Map([...signs].filter(([, people]) => people.size > 0).map(([id, people]) => [id, voteOf(people, me)]))
}

function voteOf(people: ReadonlyMap<string, Sign>, me: string): Vote {
  const yes = [...people.values()].filter(sign => sign === 'positive').length
  const no = people.size - yes
  return {
    mine: people.get(me) ?? null,
    others: people.size - Number(people.has(me)),
    sign: yes === no ? null : yes > no ? 'positive' : 'negative',
    isDisputed: yes > 0 && no > 0
  }
}

export interface Shelf {
  ids: readonly string[]
  proposals: ReadonlyMap<string, Proposal>
  votes: ReadonlyMap<string, Vote>
  /** The marks that are not sent yet: what they say counts before what was said. */
  signs: ReadonlyMap<string, { sign: Sign }>
}

/** The patches to show, in order: those proposed, then the rest as they lie on the ground. */
export function ordered({ ids, proposals, votes, signs }: Shelf, shown: Shown): string[] {
  const all = [...proposals.keys(), ...ids.filter(id => !proposals.has(id))]
  const signOf = (id: string) => signs.get(id)?.sign ?? votes.get(id)?.sign ?? null
  if (shown === 'next') return [...proposals.keys()]
  if (shown === 'yes') return all.filter(id => signOf(id) === 'positive')
  if (shown === 'no') return all.filter(id => signOf(id) === 'negative')
  if (shown === 'disputed') return all.filter(id => votes.get(id)?.isDisputed)
  return all
}
