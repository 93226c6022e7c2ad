import { describe, expect, it } from 'vitest'
import { address, inPath, sentence } from '../src/api/client.ts'
import { pointOf, type PostDocument } from '../src/posts/post.ts'
import { ago, serverOffset, utc } from '../src/state/time.ts'
import { samples, summed } from '../src/system/figures.ts'

describe('questions to the API', () => {
  it('name each value, and leave out what was not given', () => {
    expect(address('/v1/posts', { since: '2025', source: ['x', 'bsky'], until: null, near: '' })).toBe('/v1/posts?since=2025&source=x&source=bsky')
    expect(inPath('bsky:did:plc:abc/3k?#')).toBe('bsky%3Adid%3Aplc%3Aabc%2F3k%3F%23')
  })

  it('are refused in one line', () => {
    expect(sentence([{ field: 'near', problem: 'no place', remedy: 'Give another' }])).toBe('near: no place. Give another')
    expect(sentence('gone')).toBe('gone')
    expect(sentence({ odd: true })).toBe('')
  })
})

describe('times', () => {
  it('are told in the largest unit that they fill, and never before now', () => {
    const now = Date.parse('2025-11-04T20:00:00Z')
    expect(ago(now + 90_000, now)).toEqual([0, 'second'])
    expect(ago(now - 59_000, now)).toEqual([59, 'second'])
    expect(ago(now - 3_599_000, now)).toEqual([59, 'minute'])
    expect(ago(now - 47 * 3_600_000, now)).toEqual([47, 'hour'])
    expect(ago(now - 49 * 3_600_000, now)).toEqual([2, 'day'])
    expect(utc('2025-11-04T20:15:00+01:00')).toBe('2025-11-04 19:15')
    expect(utc('soon')).toBe('')
  })

  it('are the server’s where the clock here is wrong', () => {
    const now = Date.parse('2025-11-04T20:00:00Z')
    expect(serverOffset('Tue, 04 Nov 2025 23:00:00 GMT', now, 0)).toBe(3 * 3_600_000)
    expect(serverOffset('Tue, 04 Nov 2025 20:00:02 GMT', now, 7)).toBe(0)
    expect(serverOffset(null, now, 7)).toBe(7)
  })
})

describe('the place of a post', () => {
  it('is its first point, never the middle of a country', () => {
    const country = { name: 'Italy', longitude: 12, latitude: 43, confidence: 1, kind: 'country' }
    const wide = { ...country, name: 'Liguria', kind: 'admin1', radius_km: 130 }
    const town = { ...country, name: 'Genova', kind: 'city', radius_km: 5 }
    expect(pointOf({ places: [country, wide, town] } as unknown as PostDocument)?.name).toBe('Genova')
    expect(pointOf({ places: [country] } as unknown as PostDocument)).toBeNull()
  })
})

describe('figures', () => {
  it('are summed by a label, the largest first', () => {
    const text = '# HELP x y\nlag{topic="a",partition="0"} 3.0\nlag{topic="a",partition="1"} 4\nlag{topic="b \\"q\\""} 9\nlag{topic="c"} 0\nbroken line {'
    expect(summed(samples(text), 'lag', 'topic')).toEqual([['b \\"q\\"', 9], ['a', 7]])
  })
})
