// What strangers have written, as it may stand among other texts. It only ever becomes a text node: markup stays letters.

const LONGEST = 5000 // characters
const MOST_MARKS = 3 // combining marks on one letter: no language needs more, and towers of them cover other lines
// Marks that turn the direction of what follows, and those that are not seen at all but for joiners, which languages need.
const TURNING = /[\u202A-\u202E\u2066-\u2069\u200E\u200F\u061C]/gu
const UNSEEN = /[\u0000-\u0008\u000B\u000C\u000E-\u001F\u007F-\u009F\uFEFF\u{E0000}-\u{E007F}]/gu
const TOWERS = new RegExp(`(\\p{M}{${MOST_MARKS}})\\p{M}+`, 'gu')

/** The text without what would reorder, hide or cover what stands around it, and no longer than anybody reads. */
export function tamed(text: string): string {
  const cut = text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text
  return cut.replace(TURNING, '').replace(UNSEEN, '').replace(TOWERS, '$1')
}

/** A web address that may be copied; null for any other scheme. The page itself leads nowhere. */
export function webAddress(url: string | null | undefined): string | null {
  try {
    const parsed = new URL(url ?? '')
    return parsed.protocol === 'https:' || parsed.protocol === 'http:' ? parsed.href : null
  } catch {
    return null
  }
}
