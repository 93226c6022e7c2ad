import { describe, expect, it } from 'vitest'
import { boxOf, isWithin, widened, type View } from '../src/map/box.ts'
import { isOfWholeEarth, NEAR, resolutionAt } from '../src/map/zoom_levels.ts'
import type { Incident } from '../src/state/incidents.ts'
import { asItStood, Pasts } from '../src/watch/past.ts'
import { moved, SPEEDS } from '../src/watch/playback_steps.ts'

const NOON = Date.parse('2025-11-04T12:00:00Z')
const MINUTE = 60_000

describe('a night that is played', () => {
  it('moves on with the clock, at its speed', () => {
    expect(SPEEDS.map(speed => moved(NOON, 1_000, speed, NOON + 10 * MINUTE))).toEqual([NOON + 1_000, NOON + 10_000, NOON + MINUTE])
  })

  it('stops when it has come to now', () => {
    expect(moved(NOON, 1_000, 60, NOON + MINUTE)).toBeNull()
    expect(moved(NOON + MINUTE, 0, 1, NOON)).toBeNull()
  })

  it('misses nothing of what was slept through, and does not go back where a clock does', () => {
    expect(moved(NOON, 3_600_000, 1, NOON + 100 * MINUTE)).toBe(NOON + 10_000)
    expect(moved(NOON, -5_000, 60, NOON + MINUTE)).toBe(NOON)
  })
})

const revision = (number: number, minutes: number, state = 'opened') =>
  ({ incident_id: 'inc-1', revision: number, state, changed_at: new Date(NOON + minutes * MINUTE).toISOString() }) as Incident
const REVISIONS = [revision(4, 300, 'closed'), revision(3, 90, 'growing'), revision(2, 10), revision(1, 0, 'suspected')]
const signal = new AbortController().signal

describe('an incident of the past', () => {
  it('stands as its newest revision then', () => {
    expect([-1, 0, 9, 10, 299, 300, 900].map(minutes => asItStood(REVISIONS, NOON + minutes * MINUTE)?.revision ?? 0)).toEqual([0, 1, 1, 2, 3, 4, 4])
    expect(asItStood([], NOON)).toBeNull()
  })

  it('is read once, page by page, and was not there before it began', async () => {
    const asked: (number | null)[] = []
    const pasts = new Pasts(async (_, before) => {
      asked.push(before)
      return before === null ? { revisions: REVISIONS.slice(0, 2), next_before: 3 } : { revisions: REVISIONS.slice(2), next_before: null }
    })
    const at = async (minutes: number) => (await pasts.at([REVISIONS[0]!], NOON + minutes * MINUTE, signal)).get('inc-1')?.state
    expect([await at(-1), await at(5), await at(95), await at(400)]).toEqual([undefined, 'suspected', 'growing', 'closed'])
    expect(asked).toEqual([null, 3])
  })

  it('is read anew when it has changed since', async () => {
    let reads = 0
    const pasts = new Pasts(async () => {
      reads += 1
      return { revisions: [...REVISIONS], next_before: null }
    })
    await pasts.at([REVISIONS[1]!], NOON, signal)
    await pasts.at([REVISIONS[0]!], NOON, signal)
    expect(reads).toBe(2)
  })
})

describe('the posts of a map', () => {
  it('are counted in ever smaller hexagons, and stand by themselves when near', () => {
    const resolutions = [0, 1.4, 3, 5, 6.9, NEAR, 15].map(resolutionAt)
    expect(resolutions).toEqual([2, 2, 3, 4, 5, null, null])
    expect([2, 3, 4, 5].map(isOfWholeEarth)).toEqual([true, true, false, false])
  })

  it('are asked for around what is seen, and not again for a small move', () => {
    const view: View = [8, 44, 10, 45]
    expect(isWithin(view, widened(view))).toBe(true)
    expect(isWithin([8.5, 44.2, 10.5, 45.2], widened(view))).toBe(true)
    expect(isWithin([12, 44, 14, 45], widened(view))).toBe(false)
    expect(boxOf(widened([170, 80, 190, 88]))).toEqual([162, 76.8, -162, 90])
  })
})
