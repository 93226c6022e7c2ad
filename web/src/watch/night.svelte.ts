// The incidents and posts of the window that is looked at, kept up with what happens.
import type { Feature, FeatureCollection } from 'geojson'
import { ask, Refusal } from '../api/client.ts'
import { INCIDENT_CHANGES, LiveChanges, type LiveState } from '../api/live.ts'
import type { PostDocument } from '../posts/post.ts'
import { WINDOWS, type Address } from '../state/address.ts'
import { clock } from '../state/clock.svelte.ts'
import { merged, withActions, type Action, type Incident } from '../state/incidents.ts'
import type { Box } from '../state/search_parts.ts'
import { Pasts } from './past.ts'

interface IncidentFeatures extends FeatureCollection {
  next_cursor: string | null
}

const PAGE = 100
const MOST_INCIDENT_PAGES = 5
const MOST_POST_PAGES = 10
const SETTLE = 1_500 // milliseconds after a change until outlines are asked for again
const REFRESH = 60_000
const NEW_POSTS = 5_000
const LONG = 30_000 // after so long a question for posts is answered, or will never be
const SLEPT = 20_000 // a timer that comes so late was asleep with its machine

class Night {
  incidents = $state.raw<ReadonlyMap<string, Incident>>(new Map())
  /** The incidents as they stood when a window of the past ended; null where the window ends now. */
  past = $state.raw<ReadonlyMap<string, Incident> | null>(null)
  outlines = $state.raw<readonly Feature[]>([])
  posts = $state.raw<readonly PostDocument[]>([])
  hasMorePosts = $state(false)
  actions = $state.raw<ReadonlyMap<string, readonly Action[]>>(new Map())
  refusal = $state<Refusal | null>(null)
  isLoading = $state(true)
  live = $state<LiveState>('connecting')

  private address: Address | null = null
  private view: Box | null = null // where single posts are looked at; null from afar
  private readonly actionsRead = new Set<string>()
  private readonly pasts = new Pasts()
  private loading: Promise<void> = Promise.resolve()
  private stopped = new AbortController()
  private settling: ReturnType<typeof setTimeout> | null = null
  private beat = Date.now()
  private lastPosts = 0
  private lastList = 0
  private readonly changes = new LiveChanges(INCIDENT_CHANGES, {
    event: (name, data) => this.heard(name, data),
    state: state => (this.live = state),
    caughtUp: () => this.loadSoon()
  })

  /** Begins to follow; the answer ends it. */
  follow(): () => void {
    this.changes.start()
    const timer = setInterval(() => this.tick(), NEW_POSTS)
    const wake = () => document.visibilityState === 'visible' && this.wake()
    document.addEventListener('visibilitychange', wake)
    addEventListener('online', wake)
    return () => {
      clearInterval(timer)
      document.removeEventListener('visibilitychange', wake)
      removeEventListener('online', wake)
      this.changes.stop()
    }
  }

  /** Shows another window. */
  show(address: Address): void {
    const before = this.address
    this.address = address
    if (address.until === null) this.past = null
    if (before?.window !== address.window || before.until !== address.until) this.loading = this.load()
  }

  /** Shows the posts of a box one by one, or none where it is null. */
  look(box: Box | null): void {
    if (box?.join() === this.view?.join()) return
    this.view = box
    if (!box) this.posts = []
    else if (this.address) void this.loadPosts(this.stopped.signal, MOST_POST_PAGES).catch(() => {}) // the next refresh says what is wrong
  }

  /** Returns when the window that was shown last is loaded, or was given up. */
  async settled(): Promise<void> {
    await this.loading
  }

  /** From when to when the window is, milliseconds since 1970. */
  span(address: Address): { since: number; until: number } {
    const until = address.until ?? clock.now
    return { since: until - WINDOWS[address.window], until }
  }

  async load(): Promise<void> {
    if (!this.address) return
    this.stopped.abort()
    this.stopped = new AbortController()
    const { signal } = this.stopped
    this.lastList = Date.now()
    try {
      await this.loadIncidents(signal)
      this.refusal = null
      this.isLoading = false
      await Promise.all([this.loadPosts(signal, MOST_POST_PAGES), this.loadActions(signal)])
    } catch (error) {
      if (signal.aborted) return
      if (!(error instanceof Refusal)) throw error
      this.refusal = error
      this.isLoading = false
    }
  }

  /** Takes what this page itself has done, before the log tells it. */
  did(action: Action): void {
    const held = this.actions.get(action.incident_id) ?? []
    this.actions = new Map(this.actions).set(action.incident_id, withActions(held, [action]))
  }

  /** The moment of the newest incident of all, where the window has none. */
  async newest(): Promise<number | null> {
    const answer = await ask<{ incidents: Incident[] }>('/v1/incidents', { query: { limit: 1 } })
    const newest = answer.incidents[0]
    return newest ? Date.parse(newest.last_post_at) : null
  }

  private query(): Record<string, string | number | null> {
    const { since, until } = this.span(this.address!)
    const end = this.address!.until === null ? null : new Date(until).toISOString()
    return { since: new Date(since).toISOString(), until: end, limit: PAGE }
  }

  private async loadIncidents(signal: AbortSignal): Promise<void> {
    const features: Feature[] = []
    const query = this.query()
    let cursor: string | null = null
    for (let page = 0; page < MOST_INCIDENT_PAGES; page++) {
      const answer: IncidentFeatures = await ask('/v1/incidents', { query: { ...query, format: 'geojson', cursor }, signal })
      features.push(...answer.features)
      cursor = answer.next_cursor
      if (!cursor) break
    }
    const come = features.map(feature => feature.properties as Incident)
    const { since } = this.span(this.address!)
    // What was told live may not be in the store yet, and stays; what the window has left goes.
    const held = [...this.incidents].filter(([, incident]) => Date.parse(incident.last_post_at) >= since)
    const incidents = merged(new Map(held), come)
    const { until } = this.address!
    // Both at once, so that nothing of the future is shown for a moment.
    this.past = until === null ? null : await this.pasts.at(incidents.values(), until, signal)
    this.incidents = incidents
    this.outlines = features.filter(feature => feature.geometry.type !== 'Point')
  }

  private async loadPosts(signal: AbortSignal, pages: number): Promise<void> {
    const box = this.view
    if (!box) return
    const query = { ...this.query(), box: box.join(',') }
    const posts: PostDocument[] = []
    this.lastPosts = Date.now() + LONG
    let cursor: string | null = null
    for (let page = 0; page < pages; page++) {
      const answer: { posts: PostDocument[]; next_cursor: string | null } = await ask('/v1/posts', {
        query: { ...query, cursor },
        signal
      })
      posts.push(...answer.posts)
      cursor = answer.next_cursor
      if (!cursor) break
    }
    this.lastPosts = Date.now()
    if (box !== this.view) return // the map has moved on
    if (pages === MOST_POST_PAGES) {
      this.posts = posts
      this.hasMorePosts = cursor !== null
    } else {
      this.takePosts(posts)
    }
  }

  private takePosts(come: readonly PostDocument[]): void {
    const known = new Set(this.posts.map(post => post.post_id))
    const fresh = come.filter(post => !known.has(post.post_id))
    const { since } = this.span(this.address!)
    const kept = this.posts.filter(post => Date.parse(post.created_at) >= since)
    if (fresh.length > 0 || kept.length < this.posts.length) {
      this.posts = [...fresh, ...kept].slice(0, PAGE * MOST_POST_PAGES)
    }
  }

  private async loadActions(signal: AbortSignal): Promise<void> {
    const open = [...this.incidents.values()].filter(incident => incident.state !== 'closed')
    // What people do now is told live: while a night is played, each incident is asked about once.
    const unread = open.filter(({ incident_id }) => this.address?.until === null || !this.actionsRead.has(incident_id))
    for (const { incident_id } of unread.slice(0, PAGE)) {
      const come = await ask<Action[]>(`/v1/incidents/${encodeURIComponent(incident_id)}/actions`, { signal })
      this.actionsRead.add(incident_id)
      if (come.length > 0) {
        const held = this.actions.get(incident_id) ?? []
        this.actions = new Map(this.actions).set(incident_id, withActions(held, come))
      }
    }
  }

  private heard(name: string, data: unknown): void {
    if (name === 'action') {
      this.did(data as Action)
      return
    }
    this.incidents = merged(this.incidents, [data as Incident])
    if (this.address?.until === null) this.loadSoon()
  }

  private loadSoon(): void {
    if (this.settling) clearTimeout(this.settling)
    this.settling = setTimeout(() => void this.load(), SETTLE)
  }

  private tick(): void {
    const now = Date.now()
    if (now - this.beat > SLEPT) this.wake()
    this.beat = now
    this.changes.check()
    if (document.visibilityState !== 'visible' || this.address?.until !== null) return
    if (now - this.lastList > REFRESH) void this.load()
    else if (now - this.lastPosts >= NEW_POSTS && !this.refusal && !this.isLoading)
      void this.loadPosts(this.stopped.signal, 1).catch(() => {}) // the next refresh says what is wrong
  }

  private wake(): void {
    this.beat = Date.now()
    clock.tick()
    this.changes.start()
  }
}

export const night = new Night()
