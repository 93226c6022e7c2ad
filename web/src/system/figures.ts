// The figures of a process, read from the text in which Prometheus reads them.

export interface Sample {
  name: string
  labels: Record<string, string>
  value: number
}

const LINE = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})?\s+(\S+)/
const LABEL = /(\w+)="((?:[^"\\]|\\.)*)"/g

/** The samples of a text in Prometheus's format; what is no sample is passed over. */
export function samples(text: string): Sample[] {
  return text.split('\n').flatMap(line => {
    const [, name, labels = '', value] = LINE.exec(line) ?? []
    if (!name || value === undefined || Number.isNaN(Number(value))) return []
    return [{ name, labels: Object.fromEntries([...labels.matchAll(LABEL)].map(([, key, told]) => [key, told])), value: Number(value) }]
  })
}

/** The sum of a metric by one of its labels, the largest first; zeros are left out. */
export function summed(all: readonly Sample[], metric: string, label: string): [string, number][] {
  const sums = new Map<string, number>()
  for (const { name, labels, value } of all) {
    if (name === metric) sums.set(labels[label] ?? '', (sums.get(labels[label] ?? '') ?? 0) + value)
  }
  return [...sums].filter(([, value]) => value !== 0).sort((one, other) => other[1] - one[1])
}
