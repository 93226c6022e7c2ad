// How far people agree on a label.

/** The answer of `GET /v1/annotations/agreement`. */
export interface Agreement {
  items: number
  pairs: { annotators: [string, string]; items: number; kappa: number | null; agree: number }[]
  disputed: { item_id: string; votes: Record<string, string> }[]
}

export type Strength = 'poor' | 'slight' | 'fair' | 'moderate' | 'substantial' | 'almost perfect'

/** What a kappa is called (Landis and Koch 1977); null where chance alone would have people agree. */
export function strengthOf(kappa: number | null): Strength | null {
  if (kappa === null) return null
  if (kappa < 0) return 'poor'
  const steps: [number, Strength][] = [[0.2, 'slight'], [0.4, 'fair'], [0.6, 'moderate'], [0.8, 'substantial']]
  return steps.find(([most]) => kappa <= most)?.[1] ?? 'almost perfect'
}
