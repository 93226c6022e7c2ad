// The map's colours by theme. Severities have the same order of lightness in both, so that they are told apart without hue.
import type { Severity } from '../state/address.ts'
import type { ThemeName } from '../state/theme.svelte.ts'

export interface Colours {
  water: string
  land: string
  coast: string
  border: string
  post: string
  postEdge: string
  count: string
  severity: Record<Severity, string>
}

export const COLOURS: Record<ThemeName, Colours> = {
  dark: {
    water: '#0b1118',
    land: '#1a232d',
    coast: '#3a4a5b',
    border: '#33414f',
    post: '#5b9bd5',
    postEdge: '#0b1118',
    count: '#e9f1f8',
    severity: { minor: '#8fa3b5', moderate: '#e3b341', severe: '#f0883e', extreme: '#ff6a69' }
  },
  light: {
    water: '#d4e2ec',
    land: '#f6f5f1',
    coast: '#8ba3b5',
    border: '#b9b5aa',
    post: '#1f6fb5',
    postEdge: '#ffffff',
    count: '#ffffff',
    severity: { minor: '#5d6f80', moderate: '#9a6b00', severe: '#bc4c00', extreme: '#b8102a' }
  }
}
