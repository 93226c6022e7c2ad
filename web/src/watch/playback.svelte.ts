// The night played again: the end of the window moves on with the clock, faster where asked, until it has come to now.
import { tick } from 'svelte'
import { WINDOWS } from '../state/address.ts'
import { clock } from '../state/clock.svelte.ts'
import { route } from '../state/route.svelte.ts'
import { heat } from './heat.svelte.ts'
import { night } from './night.svelte.ts'
import { moved, SPEEDS, type Speed } from './playback_steps.ts'

const STEP: Record<Speed, number> = { 1: 5_000, 10: 2_000, 60: 1_000 } // milliseconds from one look to the next

class Playback {
  isPlaying = $state(false)
  speed = $state<Speed>(SPEEDS[0])
  private timer: ReturnType<typeof setTimeout> | null = null
  private last = 0

  toggle(): void {
    if (this.isPlaying) this.stop()
    else this.start()
  }

  stop(): void {
    this.isPlaying = false
    if (this.timer) clearTimeout(this.timer)
    this.timer = null
  }

  private start(): void {
    this.isPlaying = true
    this.last = Date.now()
    // Now has nothing to play: it begins with the window that is shown.
    if (route.now.until === null) route.adjust({ until: Math.round(clock.now - WINDOWS[route.now.window]) })
    this.waitForNext()
  }

  private waitForNext(): void {
    this.timer = setTimeout(() => void this.step(), STEP[this.speed])
  }

  /** One look further. The next waits for its answers, so that a slow server is asked no more often than it answers. */
  private async step(): Promise<void> {
    const now = Date.now()
    const until = route.now.until === null ? null : moved(route.now.until, now - this.last, this.speed, clock.now)
    this.last = now
    route.adjust({ until })
    if (until === null) this.stop()
    else {
      await tick() // the views have seen where it is now
      await Promise.all([night.settled(), heat.settled()])
      if (this.isPlaying) this.waitForNext()
    }
  }
}

export const playback = new Playback()
