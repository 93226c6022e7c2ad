// Times in words of numbers: the texts of a language put them into sentences.

const TOLERATED = 5_000 // milliseconds: an answer's `Date` has whole seconds and was on its way

/** How far the server's clock is ahead of this one, milliseconds. A small difference is the way of the answer. */
export function serverOffset(date: string | null, now: number, before: number): number {
  const told = Date.parse(date ?? '')
  if (Number.isNaN(told)) return before
  return Math.abs(told - now) <= TOLERATED ? 0 : told - now
}

export type Unit = 'second' | 'minute' | 'hour' | 'day'

/** How long ago, in the largest unit that it fills. Never before now: a post from a clock that runs ahead is new. */
export function ago(moment: number, now: number): [number, Unit] {
  const seconds = Math.max(0, Math.round((now - moment) / 1000))
  if (seconds < 60) return [seconds, 'second']
  if (seconds < 3600) return [Math.floor(seconds / 60), 'minute']
  if (seconds < 172_800) return [Math.floor(seconds / 3600), 'hour']
  return [Math.floor(seconds / 86_400), 'day']
}

/** `2025-11-04 20:15`, in UTC: teams of several countries speak of one night. */
export function utc(moment: string | number): string {
  const date = new Date(moment)
  return Number.isNaN(date.getTime()) ? '' : date.toISOString().slice(0, 16).replace('T', ' ')
}
