import { describe, expect, it } from 'vitest'
import { en } from '../src/words/en.ts'
import { it as italian } from '../src/words/it.ts'

/** All texts of a table with their paths; a function's text with numbers and words in it. */
function texts(table: object, path = ''): Map<string, string> {
  return new Map(
    Object.entries(table).flatMap(([name, value]: [string, unknown]) => {
      const at = `${path}.${name}`
      if (typeof value === 'object' && value !== null) return [...texts(value, at)]
      return [[at, typeof value === 'function' ? String((value as (...given: unknown[]) => string)(2, 'hour', 'x')) : String(value)]]
    })
  )
}

describe('the words of a language', () => {
  it('are as many as those of English, and none is empty', () => {
    expect([...texts(italian).keys()].sort()).toEqual([...texts(en).keys()].sort())
    for (const [path, text] of texts(italian)) expect(text.trim(), path).not.toBe('')
  })

  it('are not those of English', () => {
    const english = texts(en)
    const same = [...texts(italian)].filter(([path, text]) => text.length > 14 && english.get(path) === text)
    expect(same).toEqual([])
  })
})
