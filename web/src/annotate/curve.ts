// How well a label's model did, round by round, on what was labelled after each round.

interface Report {
  accuracy: number | null
  precision: number | null
  recall: number | null
  f1: number | null
  confusion: Record<'true_negative' | 'false_positive' | 'false_negative' | 'true_positive', number>
}

/** The report of a label in the answer of `POST /v1/validation`, as far as the page reads it. */
export interface Validation extends Report {
  items: number
  curve: { round: number; labels: number; on_later_labels: Report }[]
}

export interface Curve {
  labels: number[]
  accuracy: (number | null)[]
  f1: (number | null)[]
}

/** By the number of labels, rising: a round in which nothing was added counts by its last model. */
export function curveOf(validation: Validation | null): Curve {
  const byLabels = new Map((validation?.curve ?? []).map(each => [each.labels, each.on_later_labels]))
  const points = [...byLabels].sort(([one], [other]) => one - other)
  return {
    labels: points.map(([labels]) => labels),
    accuracy: points.map(([, report]) => report.accuracy),
    f1: points.map(([, report]) => report.f1)
  }
}
