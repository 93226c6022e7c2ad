import { describe, expect, it } from 'vitest'
import { tamed, webAddress } from '../src/posts/text_safety.ts'

describe('a text of a stranger', () => {
  it('keeps its markup as letters', () => {
    expect(tamed('<script>alert(1)</script> & <b>')).toBe('<script>alert(1)</script> & <b>')
  })

  it('turns no other text around', () => {
    expect(tamed('a\u202Eb\u202C\u2066c\u2069\u200Fd')).toBe('abcd')
  })

  it('hides nothing and has no towers of marks', () => {
    expect(tamed('a\u0000b\uFEFF\u{E0041}c')).toBe('abc')
    expect(tamed(`a${'\u0301'.repeat(200)}`)).toBe('a\u0301\u0301\u0301')
  })

  it('keeps what languages and people need', () => {
    for (const text of ['città', 'Việt Nam', 'हिन्दी', 'مياه الفيضانات', 'น้ำท่วม', '👩‍🚒 🌊', 'می\u200Cخواهم', 'two\nlines\tand tabs']) {
      expect(tamed(text)).toBe(text)
    }
  })

  it('ends where nobody reads on', () => {
    expect(tamed('a'.repeat(6000))).toHaveLength(5001)
  })
})

describe('an address in a post', () => {
  it.each(['javascript:alert(1)', 'data:text/html,x', 'file:///etc/passwd', 'no address', '', null, undefined])(
    'is none where it is not of the web: %s',
    url => expect(webAddress(url)).toBeNull()
  )

  it('may be copied', () => {
    expect(webAddress('https://example.org/a?b')).toBe('https://example.org/a?b')
  })
})
