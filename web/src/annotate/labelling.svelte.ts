// A label's work: the patches, what a round proposes, what people said, and what was marked and is not sent yet.
import { ask, inPath, Refusal, type Schemas } from '../api/client.ts'
import type { Address } from '../state/address.ts'
import { remember, remembered } from '../state/remembered.ts'
import { session } from '../state/session.svelte.ts'
import { curveOf, type Validation } from './curve.ts'
import { marked, NO_WORK, portions, sent, toTakeBack, undone, type Sign, type Work } from './marks.ts'
import { idsOf, type SceneGrid } from './patches.ts'
import { proposalsOf, votesOf, type Annotation, type Feedback } from './proposals.ts'

type Asked = Pick<Address, 'scene' | 'level' | 'label' | 'work' | 'inside'>
interface Outcome {
  kept: { annotation_id: string; replaces: string | null; disagrees_with: string[] }[]
  refused: { item_id: string; problem: string }[]
}

const BATCH = 20 // patches of each list of a round
const PAGE = 1000 // annotations, and the most that a request may hold
const PATIENCE = 120_000 // milliseconds: the first round of a large collection reads all of it
const CANDIDATES = 100 // patches to begin with where no scene is chosen

class Labelling {
  ids = $state.raw<readonly string[]>([])
  feedback = $state.raw<Feedback | null>(null)
  annotations = $state.raw<readonly Annotation[]>([])
  validation = $state.raw<Validation | null>(null)
  work = $state.raw<Work>(NO_WORK)
  refused = $state.raw<Outcome['refused']>([])
  replaced = $state(0)
  isLoading = $state(false)
  isSending = $state(false)
  refusal = $state<Refusal | null>(null)
  name = $state(remembered('annotator') ?? '')

  readonly proposals = $derived(proposalsOf(this.feedback))
  readonly votes = $derived(votesOf(this.annotations, this.me))
  readonly curve = $derived(curveOf(this.validation))
  private asked: Asked | null = null
  private running = new AbortController()
  private sent: Promise<void> = Promise.resolve()
  private failed: (() => Promise<void>) | null = null
  private readonly left = new Map<string, Work>() // by collection and label: what is marked there waits for its reader

  /** Who labels: the key's owner, or who says to be where nobody is asked for a key. */
  get me(): string {
    return session.who?.name || this.name.trim() || 'anybody'
  }

  get mayLabel(): boolean {
    return session.may('annotate')
  }

  /** Whether something is marked, here or in another work, that nobody else knows of yet. */
  get hasUnsent(): boolean {
    return this.work.marks.size > 0 || [...this.left].some(([key, work]) => this.asked && key !== keyOf(this.asked) && work.marks.size > 0)
  }

  get round(): number {
    return this.feedback?.round ?? 1
  }

  call(name: string): void {
    this.name = name
    remember('annotator', name)
  }

  /** Opens a label's work. What is marked and not sent belongs to the work before, and is there when it is opened
   * again. */
  async open(asked: Asked): Promise<void> {
    this.running.abort()
    this.running = new AbortController()
    const { signal } = this.running
    await this.sent
    if (signal.aborted) return
    if (this.asked) this.left.set(keyOf(this.asked), this.work)
    this.asked = asked
    const work = this.left.get(keyOf(asked)) ?? NO_WORK
    this.failed = null
    Object.assign(this, { ids: [], feedback: null, annotations: [], validation: null, work, refused: [], replaced: 0, refusal: null })
    this.isLoading = true
    await this.trying(async () => {
      this.ids = await patchesOf(asked, signal)
      await this.learn(signal)
    })
    if (!signal.aborted) this.isLoading = false
  }

  /** Does again what was refused. To send a round twice is to send it once. */
  async again(): Promise<void> {
    const { failed } = this
    if (failed && !this.isSending) await this.sending(failed)
  }

  mark(ids: Iterable<string>, sign: Sign): void {
    if (this.mayLabel && !this.isSending) this.work = marked(this.work, ids, sign, newId)
  }

  /** Takes back the last step: marks here, or a round that was sent, on the server. */
  async undo(): Promise<void> {
    const annotationIds = toTakeBack(this.work)
    if (this.isSending) return
    await this.sending(async () => {
      const query = session.hasKey ? {} : { annotator: this.me }
      for (const id of annotationIds) await ask(`/v1/annotations/${inPath(id)}`, { method: 'DELETE', query })
      this.work = undone(this.work, newId)
      if (annotationIds.length > 0) await this.learn(this.running.signal)
    })
  }

  /** Sends what is marked, and asks what to look at next. */
  async send(): Promise<void> {
    const { asked } = this
    if (!asked || this.isSending || !this.mayLabel) return
    await this.sending(async () => {
      const outcomes: Outcome[] = []
      for (const annotations of portions(this.work.marks, asked.label, PAGE)) {
        const annotator = session.hasKey ? {} : { annotator: this.me }
        const body = { collection: asked.work, round: this.round, ...annotator, annotations }
        const outcome = await ask<Outcome>('/v1/annotations', { method: 'POST', body })
        outcomes.push(outcome)
        this.work = sent(this.work, new Set(outcome.kept.map(each => each.annotation_id)))
      }
      this.refused = outcomes.flatMap(each => each.refused)
      this.replaced = outcomes.flatMap(each => each.kept).filter(each => each.replaces !== null).length
      await this.learn(this.running.signal)
    })
  }

  /** What others, or another tab, have said meanwhile. */
  async lookAgain(): Promise<void> {
    const { asked } = this
    if (asked && !this.isLoading && !this.isSending) {
      await this.trying(async () => void (this.annotations = await standing(asked, this.running.signal)))
    }
  }

  /** Reads the annotations, and has the label's model learn from them. */
  private async learn(signal: AbortSignal): Promise<void> {
    const { asked } = this
    if (!asked) return
    this.annotations = await standing(asked, signal)
    if (this.annotations.length === 0) {
      this.feedback = null
      return
    }
    const scope = scopeOf(asked)
    const body = { ...scope, label: asked.label, batch_size: BATCH }
    const feedback = await ask<Feedback>('/v1/feedback', { method: 'POST', body, signal, patience: PATIENCE })
    this.feedback = feedback
    void this.judge(scope, asked.label, feedback, signal) // nobody waits for it to go on
  }

  private async judge(scope: object, label: string, feedback: Feedback, signal: AbortSignal): Promise<void> {
    try {
      const validation = await validated(scope, label, feedback, signal)
      if (this.feedback === feedback) this.validation = validation
    } catch (error) {
      if (signal.aborted) return
      if (!(error instanceof Refusal)) throw error
      this.refusal ??= error
    }
  }

  private async sending(work: () => Promise<void>): Promise<void> {
    this.isSending = true
    this.sent = this.trying(work)
    await this.sent
    this.isSending = false
  }

  private async trying(work: () => Promise<void>): Promise<void> {
    const { signal } = this.running
    try {
      await work()
      if (signal.aborted) return
      this.refusal = this.failed = null
    } catch (error) {
      if (signal.aborted) return
      if (!(error instanceof Refusal)) throw error
      this.refusal = error
      this.failed = work
    }
  }
}

function keyOf({ work, label }: Asked): string {
  return `${work}:${label}`
}

async function patchesOf({ scene, level }: Asked, signal: AbortSignal): Promise<string[]> {
  if (scene !== 'all') {
    const query = { scene_id: scene, scale_level: level }
    return idsOf(await ask<SceneGrid>('/v1/scenes/patches', { query, signal }))
  }
  const query = { scale_level: level, limit: CANDIDATES }
  const { patches } = await ask<{ patches: { patch_id: string }[] }>('/v1/patches', { query, signal })
  return patches.map(patch => patch.patch_id)
}

async function standing({ work, label }: Asked, signal: AbortSignal): Promise<Annotation[]> {
  const all: Annotation[] = []
  let after: number | null = 0
  while (after !== null) {
    const query = { collection: work, label, after, limit: PAGE }
    const page: { annotations: Annotation[]; next: number | null } = await ask('/v1/annotations', { query, signal })
    all.push(...page.annotations)
    after = page.next
  }
  return all
}

/** The scope of a question to the models. */
export function scopeOf({ scene, level, work, inside }: Asked): Pick<Schemas['FeedbackRequest'], 'collection' | 'scale_level'> & { within: object } {
  return {
    collection: work,
    scale_level: Number(level) as 120 | 240 | 480,
    within: { ...(scene === 'all' ? {} : { scene_id: scene }), ...(inside ? { inside } : {}) }
  }
}

/** None while there are too few labels of one sign to hold any out. */
async function validated(scope: object, label: string, { model }: Feedback, signal: AbortSignal): Promise<Validation | null> {
  if (model.labels.positive < 2 || model.labels.negative < 2) return null
  const body = { ...scope, labels: [label] }
  const { labels } = await ask<{ labels: Record<string, Validation> }>('/v1/validation', { method: 'POST', body, signal, patience: PATIENCE })
  return labels[label] ?? null
}

function newId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16))
  return `ann-${Array.from(bytes, byte => byte.toString(16).padStart(2, '0')).join('')}`
}

export const labelling = new Labelling()
