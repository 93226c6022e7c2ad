// Pictures of many patches, a few at once and those wanted last first: whoever scrolls past thousands loads only what is
// looked at, and a server that asks to wait is asked again later.

export type PictureState = { kind: 'waiting' } | { kind: 'shown'; url: string } | { kind: 'missing' }
type Heard = (state: PictureState) => void

export interface PictureSource {
  fetch: (address: string) => Promise<Response>
  urlOf: (picture: Blob) => string
  forget: (url: string) => void
  wait: (milliseconds: number) => Promise<void>
}

const BROWSER: PictureSource = {
  fetch: address => fetch(address),
  urlOf: picture => URL.createObjectURL(picture),
  forget: url => URL.revokeObjectURL(url),
  wait: milliseconds => new Promise(resolve => setTimeout(resolve, milliseconds))
}
const LATER = [429, 503]
const PAUSE = 2_000 // milliseconds, where the server does not say how long

export class PictureQueue {
  private readonly known = new Map<string, string | null>() // null: there is none
  private readonly wanted = new Map<string, Set<Heard>>()
  private readonly fetched = new Set<string>() // what is on its way
  private isPaused = false

  /** `most` pictures are kept, the ones that came last. */
  constructor(
    private readonly source: PictureSource = BROWSER,
    private readonly most = 800,
    private readonly atOnce = 6
  ) {}

  /** Tells of the picture when it is there, at once where it is known. Returns what ends the wish. */
  want(address: string, heard: Heard): () => void {
    const known = this.known.get(address)
    if (known !== undefined) {
      heard(stateOf(known))
      return () => {}
    }
    const listeners = this.wanted.get(address) ?? new Set()
    this.wanted.delete(address) // wanted last, fetched first
    this.wanted.set(address, listeners.add(heard))
    void Promise.resolve().then(() => this.goOn())
    return () => {
      listeners.delete(heard)
      if (listeners.size === 0 && this.wanted.get(address) === listeners) this.wanted.delete(address)
    }
  }

  private goOn(): void {
    if (this.isPaused) return
    const next = [...this.wanted.keys()].reverse().filter(address => !this.fetched.has(address))
    for (const address of next.slice(0, Math.max(0, this.atOnce - this.fetched.size))) {
      this.fetched.add(address)
      void this.fetch(address).finally(() => {
        this.fetched.delete(address)
        this.goOn()
      })
    }
  }

  private async fetch(address: string): Promise<void> {
    let response: Response
    try {
      response = await this.source.fetch(address)
    } catch {
      return this.pause(PAUSE) // no connection: it stays wanted
    }
    if (LATER.includes(response.status)) return this.pause(Number(response.headers.get('retry-after')) * 1000 || PAUSE)
    this.keep(address, response.ok ? this.source.urlOf(await response.blob()) : null)
  }

  private async pause(milliseconds: number): Promise<void> {
    if (this.isPaused) return
    this.isPaused = true
    await this.source.wait(milliseconds)
    this.isPaused = false
  }

  private keep(address: string, url: string | null): void {
    this.known.set(address, url)
    for (const heard of this.wanted.get(address) ?? []) heard(stateOf(url))
    this.wanted.delete(address)
    for (const [oldest, old] of this.known) {
      if (this.known.size <= this.most) break
      this.known.delete(oldest)
      if (old) this.source.forget(old)
    }
  }
}

function stateOf(url: string | null): PictureState {
  return url === null ? { kind: 'missing' } : { kind: 'shown', url }
}

export const patchPictures = new PictureQueue()
