import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { INCIDENT_CHANGES, LiveChanges, type EventSourceLike, type LiveState, type LiveStream } from '../src/api/live.ts'

class Stream implements EventSourceLike {
  static all: Stream[] = []
  readyState = 1
  private readonly heard = new Map<string, (event: MessageEvent<string>) => void>()

  constructor(readonly address: string) {
    Stream.all.push(this)
  }

  addEventListener(name: string, heard: (event: MessageEvent<string>) => void): void {
    this.heard.set(name, heard)
  }

  close(): void {
    this.readyState = 2
  }

  tell(name: string, lastEventId = '', data: unknown = {}): void {
    const text = typeof data === 'string' ? data : JSON.stringify(data)
    this.heard.get(name)?.({ lastEventId, data: text } as MessageEvent<string>)
  }
}

function listening(stream: LiveStream = INCIDENT_CHANGES) {
  const events: unknown[] = []
  const states: LiveState[] = []
  let caughtUp = 0
  const handlers = {
    event: (name: string, data: unknown) => events.push([name, data]),
    state: (state: LiveState) => states.push(state),
    caughtUp: () => (caughtUp += 1)
  }
  const live = new LiveChanges(stream, handlers, address => new Stream(address))
  live.start()
  return { live, events, states, caughtUp: () => caughtUp }
}

const newest = () => Stream.all.at(-1)!

beforeEach(() => {
  vi.useFakeTimers()
  Stream.all = []
})
afterEach(() => vi.useRealTimers())

describe('live changes', () => {
  it('are told once, whatever the stream repeats', () => {
    const { events, states, caughtUp } = listening()
    newest().tell('listening', 'a@1')
    newest().tell('incident', 'a@2', { incident_id: 'a' })
    newest().tell('incident', 'a@2', { incident_id: 'a' })
    newest().tell('action', 'a@x', { action_id: 'x' })
    expect(events).toEqual([['incident', { incident_id: 'a' }], ['action', { action_id: 'x' }]])
    expect(states).toEqual(['connecting', 'live'])
    expect(caughtUp()).toBe(1)
  })

  it('go on after a sleep from the last one that was heard, and list anew', () => {
    const { live, caughtUp } = listening()
    newest().tell('listening', 'a@1')
    newest().tell('incident', 'inc/1@2')
    live.start()
    expect(Stream.all[0]!.readyState).toBe(2)
    expect(newest().address).toBe('/v1/incidents/events?since=inc%2F1%402')
    newest().tell('listening', 'inc/1@2')
    expect(caughtUp()).toBe(2)
  })

  it('come back after a break, more and more slowly, and at once slow no more', () => {
    const { states } = listening()
    for (const wait of [1000, 2000, 4000, 8000, 16000, 30000, 30000]) {
      const before = Stream.all.length
      newest().tell('error')
      vi.advanceTimersByTime(wait - 1)
      expect(Stream.all.length).toBe(before)
      vi.advanceTimersByTime(1)
      expect(Stream.all.length).toBe(before + 1)
    }
    newest().tell('listening', 'a@1')
    expect(states.at(-1)).toBe('live')
    newest().tell('error')
    vi.advanceTimersByTime(1000)
    expect(newest().address).toContain('since=a%401')
  })

  it('outlive half a message, and a stream that the browser gave up', () => {
    const { live, events } = listening()
    newest().tell('incident', 'a@2', '{"incident_id":')
    expect(events).toEqual([])
    newest().readyState = 2
    live.check()
    expect(Stream.all).toHaveLength(2)
    live.check()
    expect(Stream.all).toHaveLength(2)
  })

  it('begin where the stream says, and may share ids', () => {
    const { events } = listening({ path: '/v1/saved-searches/a/events', names: ['ranked'], since: '0', isKnownById: false })
    expect(newest().address).toBe('/v1/saved-searches/a/events?since=0')
    newest().tell('listening', '170')
    newest().tell('ranked', '171', { cell: 'a' })
    newest().tell('ranked', '171', { cell: 'b' })
    newest().tell('error')
    vi.advanceTimersByTime(1000)
    expect(events).toHaveLength(2)
    expect(newest().address).toBe('/v1/saved-searches/a/events?since=171')
  })
})
