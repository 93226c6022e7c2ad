import { describe, expect, it } from 'vitest'
import { boxBetween, ringOf } from '../src/map/box.ts'
import { pointOfHit } from '../src/search/hit_place.ts'
import { fitted } from '../src/search/pictures.ts'
import { decidedBy, searchRequest, weighed, type Answer, type Hit } from '../src/search/request.ts'
import { NOTHING, withWeight, type Box, type SearchParts } from '../src/state/search_parts.ts'

const asked = (parts: Partial<SearchParts>, ...rest: [picture?: string | null, cursor?: string | null]) => searchRequest({ ...NOTHING, ...parts }, ...rest)

describe('a search', () => {
  it('asks for what the address has', () => {
    expect(asked({})).toBeNull()
    expect(asked({ text: '  ', weights: { text: 2 }, sources: 'both' })).toBeNull()
    expect(asked({ text: ' acqua ', near: 'Genova', last: '24h' })).toEqual({
      text: 'acqua', near: 'Genova', radius_km: 50, filters: { last: '24h' }, limit: 20
    })
  })

  it('is by one of a post, a patch and words, and by a photo besides', () => {
    const all = { likePost: 'x:1', likePatch: 'p', text: 'acqua', photo: 'file-1234' }
    expect(asked(all, 'anBlZw==')).toEqual({ post_id: 'x:1', picture: 'anBlZw==', limit: 20 })
    expect(asked({ ...all, likePost: null })).toEqual({ patch_id: 'p', limit: 20 })
    expect(asked({ photo: 'file-1234' })).toBeNull()
  })

  it('is within the box that was drawn, and not about a name as well', () => {
    expect(asked({ box: [8, 44, 9, 45], near: 'Genova' })).toEqual({ place: { box: [8, 44, 9, 45] }, limit: 20 })
  })

  it('is between two moments, or open at one side', () => {
    const from = Date.parse('2025-11-04T20:00:00Z')
    expect(asked({ last: 'between', from, to: from + 3_600_000 })).toEqual({
      filters: { since: '2025-11-04T20:00:00.000Z', until: '2025-11-04T21:00:00.000Z' }, limit: 20
    })
    expect(asked({ last: 'between', to: from })).toEqual({ filters: { until: '2025-11-04T20:00:00.000Z' }, limit: 20 })
    expect(asked({ last: 'between' })).toBeNull()
    expect(asked({ last: '24h', from })).toEqual({ filters: { last: '24h' }, limit: 20 })
  })

  it('weighs modalities and names its sources', () => {
    expect(asked({ text: 'a', weights: { lexical: 0 }, sources: 'both' }, null, 'next')).toEqual({
      text: 'a', sources: ['posts', 'patches'], weights: { lexical: 0 }, cursor: 'next', limit: 20
    })
    expect(withWeight({ text: 2 }, 'lexical', 0)).toEqual({ text: 2, lexical: 0 })
    expect(withWeight({ text: 2 }, 'text', 1)).toEqual({})
  })

  it('has a slider for what it searched and for what a weight has left out', () => {
    const answer = { lists: { lexical: {}, text: {} }, empty_modalities: ['visual'] } as unknown as Answer
    expect(weighed(answer, { ...NOTHING, weights: { space: 0 } })).toEqual(['text', 'lexical', 'visual', 'space'])
    expect(weighed(null, NOTHING)).toEqual([])
  })

  it('says what decided', () => {
    const ranks = { text: { rank: 1, score: 1 } }
    expect(decidedBy({ decided_by: ['lexical'], best_pair: [], ranks })).toEqual(['lexical'])
    expect(decidedBy({ decided_by: [], best_pair: ['text', 'time'], ranks })).toEqual(['text', 'time'])
    expect(decidedBy({ decided_by: [], best_pair: [], ranks })).toEqual(['text'])
  })
})

describe('a hit on the map', () => {
  it('is at the middle of a patch, or at the place of a post', () => {
    expect(pointOfHit({ patch: { longitude: 8.9, latitude: 44.4 }, post: null } as unknown as Hit)).toEqual([8.9, 44.4])
    const town = { name: 'Genova', longitude: 8.93, latitude: 44.41, kind: 'city', radius_km: 5 }
    expect(pointOfHit({ post: { places: [town] } } as unknown as Hit)).toEqual([8.93, 44.41])
    expect(pointOfHit({ post: { places: [] } } as unknown as Hit)).toBeNull()
    expect(pointOfHit({ patch: { longitude: 'x' } } as unknown as Hit)).toBeNull()
  })
})

describe('a rectangle', () => {
  it.each<[[number, number], [number, number], Box | null]>([
    [[9, 44], [8, 45], [8, 44, 9, 45]],
    [[179, 10], [181, -10], [179, -10, -179, 10]],
    [[539, 10], [541, 12], [179, 10, -179, 12]], // the map has gone round once
    [[-200, 0], [200, 1], [-180, 0, 180, 1]],
    [[8, 44], [8, 44], null],
    [[8, -95], [9, 95], [8, -90, 9, 90]]
  ])('lies between %j and %j', (one, other, box) => {
    expect(boxBetween(one, other)).toEqual(box)
    expect(boxBetween(other, one)).toEqual(box)
  })

  it('has a ring that does not jump over the 180th meridian', () => {
    expect(ringOf([179, -10, -179, 10])).toEqual([[179, -10], [181, -10], [181, 10], [179, 10], [179, -10]])
  })
})

describe('a photo that is looked for', () => {
  it('is made smaller, never larger', () => {
    expect(fitted(4000, 3000)).toEqual([1024, 768])
    expect(fitted(3000, 4000)).toEqual([768, 1024])
    expect(fitted(200, 100)).toEqual([200, 100])
    expect(fitted(10_000, 1)).toEqual([1024, 1])
  })
})
