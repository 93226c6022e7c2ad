// The saved searches that there are, and the matches of the one that is open, as they come.
import { ask, inPath, Refusal, type Schemas } from '../api/client.ts'
import { LiveChanges, type LiveState } from '../api/live.ts'
import { withMatch, type Match } from './matches.ts'

export type SavedSearch = Schemas['SavedSearchResponse']

const PATH = '/v1/saved-searches'
const FROM_THE_BEGINNING = '0' // in place of an id: all matches that the log keeps
const CHECK = 5_000 // milliseconds

class SavedSearches {
  all = $state.raw<readonly SavedSearch[]>([])
  isListed = $state(false)
  refusal = $state<Refusal | null>(null)
  matches = $state.raw<readonly Match[]>([])
  live = $state<LiveState>('connecting')
  isGone = $state(false)

  async list(): Promise<void> {
    await this.tried(async () => {
      const all = await ask<SavedSearch[]>(PATH)
      this.all = [...all].reverse()
      this.isListed = true
    })
  }

  /** Saves a request; the answer is its id, null where it was refused. */
  async save({ limit: _, cursor: __, ...request }: Record<string, unknown>): Promise<string | null> {
    let id: string | null = null
    await this.tried(async () => {
      const saved = await ask<SavedSearch>(PATH, { method: 'POST', body: request })
      id = saved.saved_search_id
      this.all = [saved, ...this.all]
    })
    return id
  }

  async remove(id: string): Promise<void> {
    await this.tried(async () => {
      await ask(`${PATH}/${inPath(id)}`, { method: 'DELETE' })
      this.all = this.all.filter(each => each.saved_search_id !== id)
    })
  }

  /** Listens to the matches of one; the answer ends it. */
  listen(id: string): () => void {
    this.matches = []
    this.isGone = false
    const stream = { path: `${PATH}/${inPath(id)}/events`, names: ['match', 'ranked', 'deleted'], since: FROM_THE_BEGINNING, isKnownById: false }
    const changes = new LiveChanges(stream, {
      event: (name, data) => {
        if (name === 'deleted') {
          this.isGone = true
          stop()
        } else this.matches = withMatch(this.matches, name, data)
      },
      state: state => (this.live = state),
      caughtUp: () => {}
    })
    const timer = setInterval(() => changes.check(), CHECK)
    const stop = () => {
      clearInterval(timer)
      changes.stop()
    }
    changes.start()
    return stop
  }

  private async tried(act: () => Promise<void>): Promise<void> {
    try {
      await act()
      this.refusal = null
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      this.refusal = error
    }
  }
}

export const saved = new SavedSearches()
