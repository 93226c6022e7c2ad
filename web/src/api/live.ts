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

const NAMES = ['incident', 'action'] as const
const FIRST_WAIT = 1_000 // milliseconds
const LONGEST_WAIT = 30_000
const CLOSED = 2 // of an EventSource
const MOST_SEEN = 5_000

/** Listens until `stop` is called; `start` anew after a sleep. `open` makes the stream. */
export class LiveChanges {
  private source: EventSourceLike | null = null
  private lastId = ''
  private readonly seen = new Set<string>()
  private failures = 0
  private timer: ReturnType<typeof setTimeout> | null = null

  constructor(
    private readonly handlers: LiveHandlers,
    private readonly open: (address: string) => EventSourceLike = address => new EventSource(address)
  ) {}

  start(): void {
    this.stop()
    this.handlers.state('connecting')
    const since = this.lastId ? `?since=${encodeURIComponent(this.lastId)}` : ''
    const source = this.open(`/v1/incidents/events${since}`)
    this.source = source
    source.addEventListener('listening', event => this.stands(event))
    for (const name of NAMES) source.addEventListener(name, event => this.heard(name, event))
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
    if (this.seen.has(event.lastEventId)) return // a stream tells at least once
    if (this.seen.size >= MOST_SEEN) this.seen.clear()
    this.seen.add(event.lastEventId)
    let data: unknown
    try {
      data = JSON.parse(event.data)
    } catch {
      return // half a message: the list that follows every break has it
    }
    this.handlers.event(name, data)
  }

  private broke(): void {
    this.stop()
    this.handlers.state('broken')
    const wait = Math.min(LONGEST_WAIT, FIRST_WAIT * 2 ** this.failures)
    this.failures += 1
    this.timer = setTimeout(() => this.start(), wait)
  }
}
