// Which revision of each incident this browser's reader has looked at: what changed since is marked.
import { remember, remembered } from '../state/remembered.ts'
import type { Incident } from '../state/incidents.ts'

const MOST = 500

class Looked {
  private revisions = $state.raw<ReadonlyMap<string, number>>(read())

  isUnseen(incident: Incident): boolean {
    return incident.revision > (this.revisions.get(incident.incident_id) ?? 0)
  }

  at(incident: Incident): void {
    if (!this.isUnseen(incident)) return
    const next = [...this.revisions].filter(([id]) => id !== incident.incident_id)
    this.revisions = new Map([...next, [incident.incident_id, incident.revision] as const].slice(-MOST))
    remember('looked', JSON.stringify([...this.revisions]))
  }
}

function read(): Map<string, number> {
  try {
    return new Map(JSON.parse(remembered('looked') ?? '[]') as [string, number][])
  } catch {
    return new Map()
  }
}

export const looked = new Looked()
