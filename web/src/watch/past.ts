// Incidents as they stood at a moment of the past, by their revisions.
import { ask, inPath } from '../api/client.ts'
import type { Incident } from '../state/incidents.ts'

const MOST_INCIDENTS = 100 // of a window, whose revisions are read
const MOST_PAGES = 10

interface TimelinePage {
  revisions: Incident[]
  next_before: number | null
}

/** The newest of these revisions that had come by then; null where there was none. */
export function asItStood(revisions: Iterable<Incident>, until: number): Incident | null {
  let newest: Incident | null = null
  for (const each of revisions) {
    if (Date.parse(each.changed_at) <= until && each.revision > (newest?.revision ?? 0)) newest = each
  }
  return newest
}

/** The revisions of incidents, each read once. */
export class Pasts {
  private readonly read = new Map<string, Incident[]>() // by id and newest revision

  constructor(private readonly page: (id: string, before: number | null, signal: AbortSignal) => Promise<TimelinePage> = pageOf) {}

  /** These incidents as they stood, without those that there were not yet. Throws Refusal. */
  async at(incidents: Iterable<Incident>, until: number, signal: AbortSignal): Promise<Map<string, Incident>> {
    const shown = [...incidents].slice(0, MOST_INCIDENTS)
    const stood = await Promise.all(shown.map(incident => this.one(incident, until, signal)))
    return new Map(stood.flatMap(incident => (incident ? [[incident.incident_id, incident]] : [])))
  }

  private async one(incident: Incident, until: number, signal: AbortSignal): Promise<Incident | null> {
    if (Date.parse(incident.changed_at) <= until) return incident
    const key = `${incident.incident_id}@${incident.revision}`
    const revisions = this.read.get(key) ?? (await this.all(incident.incident_id, signal))
    this.read.set(key, revisions)
    return asItStood(revisions, until)
  }

  private async all(id: string, signal: AbortSignal): Promise<Incident[]> {
    const revisions: Incident[] = []
    let before: number | null = null
    for (let number = 0; number < MOST_PAGES; number++) {
      const page: TimelinePage = await this.page(id, before, signal)
      revisions.push(...page.revisions)
      before = page.next_before
      if (before === null) break
    }
    return revisions
  }
}

function pageOf(id: string, before: number | null, signal: AbortSignal): Promise<TimelinePage> {
  return ask<TimelinePage>(`/v1/incidents/${inPath(id)}/timeline`, { query: { before }, signal })
}
