// The time as the server has it: the clock of a laptop may be wrong, and "12 min ago" must not be.
import { serverOffset } from './time.ts'

const TICK = 15_000 // milliseconds

class Clock {
  private offset = $state(0)
  private ticked = $state(Date.now())

  constructor() {
    setInterval(() => this.tick(), TICK)
  }

  /** Milliseconds since 1970, moving every quarter of a minute. */
  get now(): number {
    return this.ticked + this.offset
  }

  tick(): void {
    this.ticked = Date.now()
  }

  /** Takes the `Date` of an answer. */
  heard(date: string | null): void {
    this.offset = serverOffset(date, Date.now(), this.offset)
    this.tick()
  }
}

export const clock = new Clock()
