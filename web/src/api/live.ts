// Changes as they happen, by server-sent events. After a break, or when a laptop wakes up, it goes on after the last change
// that it has, and says so, so that what is older than the server remembers is listed anew.

export type LiveState = 'connecting' | 'live' | 'broken'

export interface LiveHandlers {
  event: (name: string, data: unknown) => void
  state: (state: LiveState) => void
  /** Called whenever a stream stands: what came meanwhile must be listed again. */
  caughtUp: () => void
}

export interface EventSourceLike {
  addEventListener(name: string, heard: (event: MessageEvent<string>) => void): void
  close(): void
  readyState: number
}

/** A stream of the API. `since` is the id after which it begins; empty: from now on. */
export interface LiveStream {
  path: string
  names: readonly string[]
  since: string
  /** Whether the id of an event is its own, so that one that comes again is known by it. */
  isKnownById: boolean
}

export const INCIDENT_CHANGES: LiveStream = {
  path: '/v1/incidents/events',
  names: ['incident', 'action'],
  since: '',
  isKnownById: true
}

const FIRST_WAIT = 1_000 // milliseconds
const LONGEST_WAIT = 30_000
const CLOSED = 2 // of an EventSource
const MOST_SEEN = 5_000

/** Listens until `stop` is called; `start` anew after a sleep. `open` makes the stream. */
export class LiveChanges {
  private source: EventSourceLike | null = null
  private lastId: string
  private readonly seen = new Set<string>()
  private failures = 0
  private timer: ReturnType<typeof setTimeout> | null = null

  constructor(
    private readonly stream: LiveStream,
    private readonly handlers: LiveHandlers,
    private readonly open: (address: string) => EventSourceLike = address => new EventSource(address)
  ) {
    this.lastId = stream.since
  }

  start(): void {
    this.stop()
    this.handlers.state('connecting')
    const since = this.lastId ? `?since=${encodeURIComponent(this.lastId)}` : ''
    const source = this.open(`${this.stream.path}${since}`)
    this.source = source
    source.addEventListener('listening', event => this.stands(event))
    for (const name of this.stream.names) source.addEventListener(name, event => this.heard(name, event))
    source.addEventListener('failed', () => this.broke())
    source.addEventListener('error', () => this.broke())
  }

  stop(): void {
    if (this.timer) clearTimeout(this.timer)
    this.timer = null
    this.source?.close()
    this.source = null
  }

  /** To be called now and then: a browser gives a stream up for good where the server refuses it. */
  check(): void {
    const isDead = this.source === null || this.source.readyState === CLOSED
    if (this.timer === null && isDead) this.start()
  }

  private stands(event: MessageEvent<string>): void {
    this.failures = 0
    this.lastId ||= event.lastEventId
    this.handlers.state('live')
    this.handlers.caughtUp()
  }

  private heard(name: string, event: MessageEvent<string>): void {
    if (event.lastEventId) this.lastId = event.lastEventId
    if (this.stream.isKnownById && this.isSeen(event.lastEventId)) return // a stream tells at least once
    let data: unknown
    try {
      data = JSON.parse(event.data)
    } catch {
      return // half a message: the list that follows every break has it
    }
    this.handlers.event(name, data)
  }

  private isSeen(id: string): boolean {
    if (this.seen.has(id)) return true
    if (this.seen.size >= MOST_SEEN) this.seen.clear()
    this.seen.add(id)
    return false
  }

  private broke(): void {
    this.stop()
    this.handlers.state('broken')
    const wait = Math.min(LONGEST_WAIT, FIRST_WAIT * 2 ** this.failures)
    this.failures += 1
    this.timer = setTimeout(() => this.start(), wait)
  }
}
