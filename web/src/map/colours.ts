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
  /** Of hexagons, from few posts to many; `page.css` has the same for the legend. */
  heat: readonly [string, string, string, string, string]
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
    heat: ['#1f4565', '#2b648f', '#3f89bf', '#74b3e0', '#c3e1f7'],
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
    heat: ['#b9d6ee', '#86b8e0', '#4e93cb', '#1f6fb5', '#0a3d70'],
    severity: { minor: '#5d6f80', moderate: '#9a6b00', severe: '#bc4c00', extreme: '#b8102a' }
  }
}
