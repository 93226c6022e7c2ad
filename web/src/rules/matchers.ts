// What matchers mean, in words.
import type { Words } from '../words/en.ts'
import { boxOf } from './areas.ts'
import type { Matchers } from './rule_draft.ts'

const MOST = 6 // codes or languages that are named

/** One text for each part that is stated; none where everything is meant. */
export function inWords(matchers: Matchers, words: Words, percent: (share: number) => string): string[] {
  const { matcher } = words.alerting
  const listed = (values: readonly string[]) => values.slice(0, MOST).join(matcher.or) + (values.length > MOST ? ' …' : '')
  const named = (values: readonly string[], names: Readonly<Record<string, string>>) => listed(values.map(value => names[value] ?? value))
  const box = boxOf(matchers.area)
  return [
    matchers.everywhere ? matcher.everywhere : '',
    matchers.admin_codes.length > 0 ? matcher.inCodes(listed(matchers.admin_codes)) : '',
    box ? matcher.inBox(`${box.west}, ${box.south}, ${box.east}, ${box.north}`) : matchers.area ? matcher.inShape : '',
    matchers.cells.length > 0 ? matcher.inCells(matchers.cells.length) : '',
    matchers.kinds.length > 0 ? matcher.kinds(named(matchers.kinds, words.kind)) : '',
    matchers.min_severity ? matcher.severity(words.severity[matchers.min_severity]) : '',
    matchers.min_confidence ? matcher.confidence(percent(matchers.min_confidence)) : '',
    matchers.states.length > 0 ? matcher.states(named(matchers.states, words.state)) : '',
    matchers.verdicts.length > 0 ? matcher.verdicts(named(matchers.verdicts, words.incident.verdict)) : '',
    matchers.languages.length > 0 ? matcher.languages(listed(matchers.languages)) : '',
    matchers.incident_ids.length > 0 ? matcher.incidents(matchers.incident_ids.length) : ''
  ].filter(Boolean)
}
