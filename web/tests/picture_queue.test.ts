import { describe, expect, it } from 'vitest'
import { PictureQueue, type PictureSource, type PictureState } from '../src/annotate/picture_queue.ts'

interface Way {
  address: string
  answer: (status: number, headers?: Record<string, string>) => Promise<void>
  fail: () => Promise<void>
}

function queue(most = 800, atOnce = 2) {
  const ways: Way[] = []
  const waits: { milliseconds: number; end: () => Promise<void> }[] = []
  const forgotten: string[] = []
  const source: PictureSource = {
    fetch: address =>
      new Promise((resolve, reject) => {
        const answer = async (status: number, headers = {}) => {
          resolve(new Response(status === 200 ? address : null, { status, headers }))
          await settled()
        }
        ways.push({ address, answer, fail: async () => { reject(new TypeError('offline')); await settled() } })
      }),
    urlOf: picture => `blob:${picture.size}`,
    forget: url => forgotten.push(url),
    wait: milliseconds => new Promise(resolve => waits.push({ milliseconds, end: async () => { resolve(); await settled() } }))
  }
  return { pictures: new PictureQueue(source, most, atOnce), ways, waits, forgotten, asked: () => ways.map(way => way.address) }
}

async function settled() {
  for (let turn = 0; turn < 20; turn += 1) await new Promise(resolve => setImmediate(resolve))
}

describe('pictures of patches', () => {
  it('are fetched a few at once, those wanted last first', async () => {
    const { pictures, ways, asked } = queue()
    for (const address of ['a', 'b', 'c', 'd']) pictures.want(address, () => {})
    await settled()
    expect(asked()).toEqual(['d', 'c'])
    await ways[0]?.answer(200)
    expect(asked()).toEqual(['d', 'c', 'b'])
  })

  it('are not fetched where nobody wants them any more', async () => {
    const { pictures, ways, asked } = queue()
    const ends = ['a', 'b', 'c'].map(address => pictures.want(address, () => {}))
    ends[0]?.()
    await settled()
    await ways[0]?.answer(200)
    await ways[1]?.answer(200)
    expect(asked()).toEqual(['c', 'b'])
  })

  it('are known afterwards, and so is that there is none', async () => {
    const { pictures, ways } = queue()
    const heard: PictureState[] = []
    pictures.want('here', state => heard.push(state))
    pictures.want('gone', state => heard.push(state))
    await settled()
    await ways[0]?.answer(404)
    await ways[1]?.answer(200)
    expect(heard).toEqual([{ kind: 'missing' }, { kind: 'shown', url: 'blob:4' }])
    pictures.want('here', state => heard.push(state))
    expect(heard.at(-1)).toEqual({ kind: 'shown', url: 'blob:4' })
    expect(ways).toHaveLength(2)
  })

  it('wait as long as the server asks, and for a connection', async () => {
    const { pictures, ways, waits, asked } = queue(800, 1)
    pictures.want('a', () => {})
    await settled()
    await ways[0]?.answer(429, { 'retry-after': '3' })
    expect(waits[0]?.milliseconds).toBe(3000)
    pictures.want('b', () => {})
    await settled()
    expect(asked()).toEqual(['a'])
    await waits[0]?.end()
    expect(asked()).toEqual(['a', 'b'])
    await ways[1]?.fail()
    expect(waits[1]?.milliseconds).toBe(2000)
    await waits[1]?.end()
    expect(asked()).toEqual(['a', 'b', 'b'])
  })

  it('are forgotten, the oldest first, where there are too many', async () => {
    const { pictures, ways, forgotten } = queue(1, 1)
    for (const address of ['a', 'bb']) {
      pictures.want(address, () => {})
      await settled()
      await ways.at(-1)?.answer(200)
    }
    expect(forgotten).toEqual(['blob:1'])
  })
})
