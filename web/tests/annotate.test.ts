import { describe, expect, it } from 'vitest'
import { strengthOf } from '../src/annotate/agreement.ts'
import { clicked, kept, moved, movedTo, NOTHING } from '../src/annotate/choice.ts'
import { curveOf, type Validation } from '../src/annotate/curve.ts'
import { inTreeOrder, pathBelow } from '../src/annotate/label_tree.ts'
import { marked, NO_WORK, portions, sent, toTakeBack, undone, type Work } from '../src/annotate/marks.ts'
import { idsOf, pictureAddress, shortName, squareOf } from '../src/annotate/patches.ts'
import { ordered, proposalsOf, votesOf, type Feedback } from '../src/annotate/proposals.ts'
import { columnsIn, scrolledTo, seenRows } from '../src/annotate/seen_rows.ts'

const ORDER = ['a', 'b', 'c', 'd', 'e', 'f']
let count = 0
const newId = () => `ann-${++count}`
const signs = (work: Work) => Object.fromEntries([...work.marks].map(([id, mark]) => [id, mark.sign]))

describe('patches of a grid', () => {
  const grid = { scene_id: 'S2B_X|S1A_Y', epsg: 32632, scale_level: 120, squares: [[4098, 411], [3, 12345]] as [number, number][] }

  it('have the ids that the server gives them', () => {
    expect(idsOf(grid)).toEqual(['S2B_X|S1A_Y/32632/g120/r4098c0411', 'S2B_X|S1A_Y/32632/g120/r0003c12345'])
  })

  it('are read back from their ids', () => {
    expect(squareOf(idsOf(grid)[0] ?? '')).toEqual({ sceneId: 'S2B_X|S1A_Y', row: 4098, column: 411 })
    expect(squareOf('x:1460')).toBeNull()
    expect(shortName(idsOf(grid)[0] ?? '')).toBe('r4098c0411')
  })

  it('have pictures whatever stands in their ids', () => {
    expect(pictureAddress('a|b/1&c=#/g1/r1c1', 's1')).toBe('/v1/patches/pictures/s1.png?patch_id=a%7Cb%2F1%26c%3D%23%2Fg1%2Fr1c1')
  })
})

describe('a choice', () => {
  it('is one patch by a click, more with Ctrl, a range with Shift in either direction', () => {
    const one = clicked(NOTHING, ORDER, 'c', {})
    expect([...one.chosen]).toEqual(['c'])
    expect([...clicked(one, ORDER, 'e', { more: true }).chosen]).toEqual(['c', 'e'])
    expect([...clicked(one, ORDER, 'c', { more: true }).chosen]).toEqual([])
    expect([...clicked(one, ORDER, 'e', { range: true }).chosen]).toEqual(['c', 'd', 'e'])
    const back = clicked(clicked(one, ORDER, 'e', { range: true }), ORDER, 'a', { range: true })
    expect([...back.chosen]).toEqual(['a', 'b', 'c'])
  })

  it('begins anew where the range has no beginning', () => {
    expect([...clicked(NOTHING, ORDER, 'd', { range: true }).chosen]).toEqual(['d'])
  })

  it('moves by rows and columns, and stays where there is nothing', () => {
    const first = moved(NOTHING, ORDER, 1)
    expect(first.cursor).toBe('a')
    expect(moved(first, ORDER, 3).cursor).toBe('d')
    expect(moved(first, ORDER, -1)).toBe(first)
    expect(moved(moved(first, ORDER, 3), ORDER, 3).cursor).toBe('d')
    expect([...moved(first, ORDER, 2, true).chosen]).toEqual(['a', 'b', 'c'])
    expect(moved(first, [], 1)).toBe(NOTHING)
  })

  it('goes to the ends', () => {
    expect(movedTo(NOTHING, ORDER, 'last').cursor).toBe('f')
    expect(movedTo(clicked(NOTHING, ORDER, 'd', {}), ORDER, 'first').cursor).toBe('a')
    expect([...movedTo(clicked(NOTHING, ORDER, 'e', {}), ORDER, 'last', true).chosen]).toEqual(['e', 'f'])
  })

  it('keeps what is still shown', () => {
    const choice = clicked(clicked(NOTHING, ORDER, 'b', {}), ORDER, 'e', { more: true })
    expect(kept(choice, ['b', 'c'])).toEqual({ cursor: null, anchor: null, chosen: new Set(['b']) })
  })
})

describe('a round', () => {
  it('is marked and undone step by step', () => {
    const one = marked(NO_WORK, ['a', 'b'], 'positive', newId)
    const two = marked(one, ['b', 'c'], 'negative', newId)
    expect(signs(two)).toEqual({ a: 'positive', b: 'negative', c: 'negative' })
    expect(signs(undone(two, newId))).toEqual({ a: 'positive', b: 'positive' })
    expect(undone(undone(two, newId), newId).marks.size).toBe(0)
    expect(undone(NO_WORK, newId)).toBe(NO_WORK)
    expect(marked(one, [], 'positive', newId)).toBe(one)
  })

  it('takes a mark away where all bear it, and keeps the ids of those that stay', () => {
    const one = marked(NO_WORK, ['a'], 'positive', newId)
    const two = marked(one, ['a', 'b'], 'positive', newId)
    expect(two.marks.get('a')).toBe(one.marks.get('a'))
    expect(marked(two, ['a', 'b'], 'positive', newId).marks.size).toBe(0)
  })

  it('that was sent is taken back as a whole, under new ids', () => {
    const before = marked(marked(NO_WORK, ['a'], 'positive', newId), ['b'], 'negative', newId)
    const ids = [...before.marks.values()].map(mark => mark.annotationId)
    const after = sent(before, new Set(ids))
    expect(after.marks.size).toBe(0)
    expect(toTakeBack(after)).toEqual(ids)
    const again = undone(after, newId)
    expect(signs(again)).toEqual({ a: 'positive', b: 'negative' })
    expect([...again.marks.values()].map(mark => mark.annotationId)).not.toEqual(ids)
    expect(toTakeBack(again)).toEqual([])
  })

  it('keeps what was refused marked, and what is marked meanwhile', () => {
    const before = marked(NO_WORK, ['a', 'b'], 'positive', newId)
    const after = sent(before, new Set([before.marks.get('a')?.annotationId ?? '']))
    expect(signs(after)).toEqual({ b: 'positive' })
    const more = marked(after, ['c'], 'negative', newId)
    expect(signs(undone(undone(more, newId), newId))).toEqual({ a: 'positive', b: 'positive' })
  })

  it('goes in portions that a request may hold', () => {
    const many = marked(NO_WORK, Array.from({ length: 2300 }, (_, n) => `p${n}`), 'positive', newId)
    expect(portions(many.marks, 'water-bodies').map(each => each.length)).toEqual([1000, 1000, 300])
    expect(portions(NO_WORK.marks, 'water-bodies')).toEqual([])
  })
})

describe('what is shown', () => {
  const feedback = {
    boundary: [{ item_id: 'd', probability: 0.5 }],
    top: [{ item_id: 'f', probability: 0.9 }, { item_id: 'd', probability: 0.5 }],
    coverage: [{ item_id: 'b', probability: 0.1 }]
  } as unknown as Feedback
  const proposals = proposalsOf(feedback)

  it('begins where a label teaches most', () => {
    const shelf = { ids: ORDER, proposals, votes: new Map(), signs: new Map() }
    expect(ordered(shelf, 'all')).toEqual(['d', 'f', 'b', 'a', 'c', 'e'])
    expect(ordered(shelf, 'next')).toEqual(['d', 'f', 'b'])
    expect(proposals.get('d')?.list).toBe('boundary')
    expect(proposalsOf(null).size).toBe(0)
  })

  it('can be what people said, and what is marked counts first', () => {
    const votes = votesOf([annotation('a', 'ada', 'positive'), annotation('b', 'ada', 'negative')], 'ada')
    const shelf = { ids: ORDER, proposals: new Map(), votes, signs: new Map([['a', { sign: 'negative' as const }]]) }
    expect(ordered(shelf, 'yes')).toEqual([])
    expect(ordered(shelf, 'no')).toEqual(['a', 'b'])
  })

  it('knows who disputes what, and that a later word of the same person holds', () => {
    const votes = votesOf(
      [annotation('a', 'ada', 'negative'), annotation('a', 'bob', 'negative'), annotation('a', 'ada', 'positive'), annotation('b', 'bob', 'skip'), annotation('c', 'bob', 'positive')],
      'ada'
    )
    expect(votes.get('a')).toEqual({ mine: 'positive', others: 1, sign: null, isDisputed: true })
    expect(votes.has('b')).toBe(false)
    expect(votes.get('c')).toEqual({ mine: null, others: 1, sign: 'positive', isDisputed: false })
    expect(ordered({ ids: ORDER, proposals: new Map(), votes, signs: new Map() }, 'disputed')).toEqual(['a'])
  })
})

describe('a long grid', () => {
  it('has only what is seen in the document', () => {
    expect(columnsIn(1000, 120)).toBe(8)
    expect(columnsIn(50, 120)).toBe(1)
    expect(seenRows({ scrolled: 0, height: 600, rowHeight: 100, rows: 1250 })).toEqual([0, 8])
    expect(seenRows({ scrolled: 5050, height: 600, rowHeight: 100, rows: 1250 })).toEqual([48, 59])
    expect(seenRows({ scrolled: 90_000, height: 600, rowHeight: 100, rows: 3 })).toEqual([3, 3])
  })

  it('scrolls no more than it must', () => {
    const pane = { scrolled: 500, height: 300, rowHeight: 100 }
    expect(scrolledTo(6, pane)).toBe(500)
    expect(scrolledTo(4, pane)).toBe(400)
    expect(scrolledTo(9, pane)).toBe(700)
  })
})

describe('figures of a label', () => {
  it('make a curve by the number of labels', () => {
    const report = (accuracy: number) => ({ accuracy, f1: null })
    const curve = [{ round: 2, labels: 20, on_later_labels: report(0.9) }, { round: 1, labels: 10, on_later_labels: report(0.7) }]
    expect(curveOf({ curve } as unknown as Validation)).toEqual({ labels: [10, 20], accuracy: [0.7, 0.9], f1: [null, null] })
    expect(curveOf(null).labels).toEqual([])
  })

  it('call an agreement by its name', () => {
    expect([-0.1, 0, 0.21, 0.6, 0.8, 0.81, null].map(strengthOf)).toEqual(['poor', 'slight', 'fair', 'moderate', 'substantial', 'almost perfect', null])
  })
})

describe('labels', () => {
  it('stand below their parents', () => {
    const label = (id: string, title: string) => ({ label: id, title, level: id.split('/').length, parent: id.split('/').slice(0, -1).join('/') || null, defined_by: null })
    const tree = inTreeOrder([label('w/lakes', 'Lakes'), label('f', 'Forest'), label('w', 'Water'), label('w/deep', 'Deep')])
    expect(tree.map(each => each.label)).toEqual(['f', 'w', 'w/deep', 'w/lakes'])
  })

  it('of one’s own have a path that the API takes', () => {
    expect(pathBelow('water-bodies', ' Città allagate (2) ')).toBe('water-bodies/citta-allagate-2')
    expect(pathBelow('water-bodies', '洪水')).toBe('')
  })
})

function annotation(item_id: string, annotator: string, sign: 'positive' | 'negative' | 'skip') {
  return { annotation_id: `${item_id}-${annotator}-${sign}`, item_id, annotator, sign }
}
