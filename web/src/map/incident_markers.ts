// A button on the map for each incident: the keyboard reaches it, and its letter says the severity without colour.
import type { Map, Marker } from 'maplibre-gl'
import { tamed } from '../posts/text_safety.ts'
import type { Incident } from '../state/incidents.ts'
import type { Words } from '../words/en.ts'

export class IncidentMarkers {
  private readonly held = new globalThis.Map<string, { marker: Marker; button: HTMLButtonElement }>()

  constructor(
    private readonly map: Map,
    private readonly MarkerOfMap: typeof Marker,
    private readonly choose: (id: string) => void
  ) {}

  /** Shows these incidents and no others. */
  show(incidents: readonly Incident[], chosen: string | null, words: Words): void {
    const ids = new Set(incidents.map(incident => incident.incident_id))
    for (const [id, { marker }] of this.held) {
      if (!ids.has(id)) {
        marker.remove()
        this.held.delete(id)
      }
    }
    for (const incident of incidents) {
      const { marker, button } = this.held.get(incident.incident_id) ?? this.made(incident)
      marker.setLngLat([incident.longitude, incident.latitude])
      const severity = words.severity[incident.severity]
      button.dataset.severity = incident.severity
      button.dataset.state = incident.state
      button.setAttribute('aria-pressed', String(incident.incident_id === chosen))
      button.setAttribute('aria-label', `${severity}, ${tamed(incident.place)}, ${words.state[incident.state]}`)
      button.title = `${tamed(incident.place)} · ${severity}`
      button.textContent = severity.charAt(0)
    }
  }

  private made(incident: Incident): { marker: Marker; button: HTMLButtonElement } {
    const button = document.createElement('button')
    button.className = 'incident-marker'
    button.addEventListener('click', event => {
      event.stopPropagation()
      this.choose(incident.incident_id)
    })
    const marker = new this.MarkerOfMap({ element: button })
    marker.setLngLat([incident.longitude, incident.latitude]).addTo(this.map)
    this.held.set(incident.incident_id, { marker, button })
    return { marker, button }
  }
}
