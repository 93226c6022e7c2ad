import { describe, expect, it } from 'vitest'
import { MOST_MATCHES, withMatch, type Match, type MatchedPost } from '../src/search/matches.ts'
import { partsOf } from '../src/search/saved_request.ts'
import { searchRequest } from '../src/search/request.ts'
import { NOTHING, type SearchParts } from '../src/state/search_parts.ts'

const QUESTIONS: Partial<SearchParts>[] = [
  { text: 'acqua alta', near: 'Genova', radiusKm: 20, last: '24h', weights: { lexical: 0, text: 2 } },
  { likePost: 'bsky:did:plc:abc/3k', box: [179.5, -44, -179.5, 44], sources: 'both' },
  { likePatch: 'a|b/32632/g120/r1c1', last: 'between', from: Date.parse('2025-11-04T20:00:00Z'), to: null },
  { text: 'x', last: 'between', from: null, to: Date.parse('2025-11-04T20:00:00Z'), sources: 'patches' }
]

describe('a saved search', () => {
  it.each(QUESTIONS)('opens with the question that was saved: %j', question => {
    const { limit: _, ...request } = searchRequest({ ...NOTHING, ...question })!
    const opened = partsOf('saved-1', { ...request, score_threshold: { text: 0.35 } })
    expect(opened).toEqual({ parts: { ...NOTHING, ...question, saved: 'saved-1' }, isWhole: true })
    expect(searchRequest(opened.parts)).toEqual({ ...request, limit: 20 })
  })

  it('has its photo under its own id', () => {
    expect(partsOf('saved-1', { picture: 'data:image/jpeg;base64,AAAA' }).parts.photo).toBe('saved-1')
  })

  it.each([
    { text: 'a', filters: { languages: ['it'] } },
    { text: 'a', filters: { last: '90min' } },
    { vectors: { text: [1, 2] } },
    { place: { longitude: 8, latitude: 44 } },
    { text: 'a', lang: 'it' },
    { text: 'a', place: { geojson: { type: 'Point', coordinates: [8, 44] } } }
  ])('says where it asks for more than the page shows: %j', request => {
    expect(partsOf('saved-1', request).isWhole).toBe(false)
  })

  it('is whole where what is beside is empty', () => {
    expect(partsOf('saved-1', { text: 'a', vectors: {}, filters: {}, modalities: [], lang: null }).isWhole).toBe(true)
  })
})

const post = (number: number) => ({ match_id: `m${number}`, post_id: `x:${number}` }) as MatchedPost

describe('matches', () => {
  it('stand once, the newest first', () => {
    let held: readonly Match[] = []
    for (const number of [1, 2, 1]) held = withMatch(held, 'match', post(number))
    expect(held.map(match => match.key)).toEqual(['m2', 'm1'])
  })

  it('of a place and day stand as they were ranked last', () => {
    let held: readonly Match[] = []
    for (const [cell, rank] of [['a', 3], ['b', 1], ['a', 2]] as const) held = withMatch(held, 'ranked', { cell, rank })
    expect(held.map(match => [match.key, match.hit?.rank])).toEqual([['a', 2], ['b', 1]])
  })

  it('are no more than somebody reads', () => {
    let held: readonly Match[] = []
    for (let number = 0; number < MOST_MATCHES + 50; number++) held = withMatch(held, 'match', post(number))
    expect(held).toHaveLength(MOST_MATCHES)
    expect(held[0]?.key).toBe(`m${MOST_MATCHES + 49}`)
  })
})
