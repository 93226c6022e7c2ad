// How many posts of the window name a place in each hexagon: what the map shows from afar.
import { ask, Refusal, type Schemas } from '../api/client.ts'
import { boxOf, isWithin, widened, type View } from '../map/box.ts'
import { isOfWholeEarth, resolutionAt } from '../map/zoom_levels.ts'
import { WINDOWS, type Address } from '../state/address.ts'
import { clock } from '../state/clock.svelte.ts'

type Cells = Schemas['PostCells']
const REFRESH = 4_500 // milliseconds, while the window ends now

class Heat {
  cells = $state.raw<Cells['features']>([])
  isCut = $state(false)
  readonly posts = $derived(this.cells.reduce((sum, cell) => sum + cell.properties.posts, 0))

  private asked = ''
  private askedAt = 0
  private covered: View | null = null
  private loading: Promise<void> = Promise.resolve()
  private stopped = new AbortController()

  /** Shows the cells of a window where the map looks; those that are shown already are not asked for again. */
  show(address: Pick<Address, 'window' | 'until'>, zoom: number, view: View): void {
    const resolution = resolutionAt(zoom)
    if (resolution === null) return
    const asked = `${resolution} ${address.window} ${address.until ?? ''}`
    const isCovered = isOfWholeEarth(resolution) || (this.covered !== null && isWithin(view, this.covered))
    const isFresh = address.until !== null || Date.now() - this.askedAt < REFRESH
    if (asked === this.asked && isCovered && isFresh) return
    this.covered = isOfWholeEarth(resolution) ? null : widened(view)
    this.asked = asked
    this.askedAt = Date.now()
    this.stopped.abort()
    this.stopped = new AbortController()
    this.loading = this.load(address, resolution, this.stopped.signal)
  }

  /** Returns when the cells that were asked for last are there, or were given up. */
  async settled(): Promise<void> {
    await this.loading
  }

  private async load({ window, until }: Pick<Address, 'window' | 'until'>, resolution: number, signal: AbortSignal): Promise<void> {
    const box = this.covered && boxOf(this.covered)
    const query = {
      resolution,
      since: new Date((until ?? clock.now) - WINDOWS[window]).toISOString(),
      until: until === null ? null : new Date(until).toISOString(),
      box: box?.join(',')
    }
    try {
      const answer = await ask<Cells>('/v1/posts/cells', { query, signal })
      this.cells = answer.features
      this.isCut = answer.is_cut
    } catch (error) {
      if (signal.aborted) return
      if (!(error instanceof Refusal)) throw error
      this.asked = '' // the list of incidents says what is wrong; the next look asks again
    }
  }
}

export const heat = new Heat()
