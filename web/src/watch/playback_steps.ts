// How far a night that is played has come.

export const SPEEDS = [1, 10, 60] as const
export type Speed = (typeof SPEEDS)[number]

const LONGEST_STEP = 10_000 // milliseconds of the clock: whoever was away or asleep meanwhile has missed nothing

/** Where the window ends after `elapsed` milliseconds at a speed; null where it has come to now. */
export function moved(until: number, elapsed: number, speed: Speed, now: number): number | null {
  const next = Math.round(until + Math.min(Math.max(elapsed, 0), LONGEST_STEP) * speed)
  return next >= now ? null : next
}
