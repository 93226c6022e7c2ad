// A rule as the form has it. What the form does not show (branches, intervals, quiet hours) stays as it was.
import type { Schemas } from '../api/client.ts'
import type { Severity } from '../state/address.ts'
import { boxOf, geometryOf, isWhole, type Box } from './areas.ts'

export type Rule = Schemas['AlertRule']
export type Route = Rule['route']
export type Matchers = Schemas['Matchers']
export type AreaKind = 'everywhere' | 'codes' | 'box' | 'kept'

export interface AreaDraft {
  kind: AreaKind
  codes: string
  box: Box | null
}

export interface Draft {
  title: string
  receivers: string[]
  area: AreaDraft
  minSeverity: Severity | ''
  minConfidence: number
  mostPerHour: number | null
  before: Route | null
}

export type Fault = 'title' | 'receivers' | 'area'
export const ANYWHERE: AreaDraft = { kind: 'everywhere', codes: '', box: null }
export const NEW_RULE: Draft = { title: '', receivers: [], area: ANYWHERE, minSeverity: '', minConfidence: 0, mostPerHour: null, before: null }

export function draftOf({ title, route, most_per_hour }: Rule): Draft {
  return {
    title,
    receivers: [...route.receivers],
    area: areaDraftOf(route.matchers),
    minSeverity: route.matchers.min_severity ?? '',
    minConfidence: route.matchers.min_confidence ?? 0,
    mostPerHour: most_per_hour ?? null,
    before: route
  }
}

function areaDraftOf({ everywhere, admin_codes, area, cells }: Matchers): AreaDraft {
  if (everywhere) return ANYWHERE
  const box = boxOf(area)
  const isOneKind = Number(admin_codes.length > 0) + Number(area != null) + Number(cells.length > 0) === 1
  if (isOneKind && box) return { kind: 'box', codes: '', box }
  if (isOneKind && admin_codes.length > 0) return { kind: 'codes', codes: admin_codes.join(', '), box: null }
  return { kind: 'kept', codes: '', box: null }
}

/** The codes that people wrote: `it, it.08` are IT and IT.08. */
export function codesOf(text: string): string[] {
  const codes = text.split(/[\s,;]+/).filter(Boolean)
  return [...new Set(codes.map(code => code.slice(0, 2).toUpperCase() + code.slice(2)))]
}

/** What matchers say of an area; that of another shape stays. */
export function areaMatchers(area: AreaDraft, before: Matchers | null): Pick<Matchers, 'everywhere' | 'admin_codes' | 'cells' | 'area'> {
  const none = { everywhere: false, admin_codes: [], cells: [], area: null }
  if (area.kind === 'everywhere') return { ...none, everywhere: true }
  if (area.kind === 'codes') return { ...none, admin_codes: codesOf(area.codes) }
  if (area.kind === 'box') return { ...none, area: area.box ? { ...geometryOf(area.box) } : null }
  return before ? { everywhere: before.everywhere, admin_codes: before.admin_codes, cells: before.cells, area: before.area ?? null } : none
}

export function isArea(area: AreaDraft): boolean {
  if (area.kind === 'codes') return codesOf(area.codes).length > 0
  return area.kind === 'box' ? area.box !== null && isWhole(area.box) : true
}

/** What is missing before the rule can be written. */
export function faultsOf(draft: Draft): Fault[] {
  const hasBranches = (draft.before?.routes.length ?? 0) > 0 // these may name receivers of their own
  return [
    ...(idOf(draft.title) ? [] : ['title' as const]),
    ...(draft.receivers.length > 0 || hasBranches ? [] : ['receivers' as const]),
    ...(isArea(draft.area) ? [] : ['area' as const])
  ]
}

export function requestOf(draft: Draft): { title: string; route: object; most_per_hour: number | null } {
  const before = draft.before?.matchers ?? null
  const matchers = {
    ...before,
    ...areaMatchers(draft.area, before),
    min_severity: draft.minSeverity || null,
    min_confidence: draft.minConfidence > 0 ? draft.minConfidence : null
  }
  return { title: draft.title.trim(), route: { ...draft.before, matchers, receivers: draft.receivers }, most_per_hour: draft.mostPerHour }
}

/** The id of a new rule by its title: `floods-of-liguria`. Empty where no letter is left. */
export function idOf(title: string): string {
  return title.normalize('NFKD').replace(/\p{M}/gu, '').toLowerCase().replace(/[^a-z0-9]+/g, '-').replace(/^-+/, '').slice(0, 64).replace(/-+$/, '')
}
