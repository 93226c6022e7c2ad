// Who is at the page: nobody is asked for a key where the server has none.
import { ask, onSignedOut, Refusal, useCsrfToken } from '../api/client.ts'

interface Who {
  name: string
  scopes: string[]
  csrf_token: string | null
}

const RETRY = 3_000 // milliseconds

class Session {
  status = $state<'asking' | 'signed in' | 'signed out'>('asking')
  refusal = $state<Refusal | null>(null)
  who = $state<Who | null>(null)

  constructor() {
    onSignedOut(() => this.leave())
  }

  get hasKey(): boolean {
    return this.who?.csrf_token != null
  }

  may(scope: string): boolean {
    return this.who?.scopes.includes(scope) ?? false
  }

  /** Asks who is there, until the server answers. */
  async begin(): Promise<void> {
    try {
      this.enter(await ask<Who>('/v1/session'))
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      this.refusal = error.kind === 'signed out' ? null : error
      if (this.refusal) setTimeout(() => void this.begin(), RETRY)
    }
  }

  /** Signs in with a key, which is kept nowhere: the browser holds a cookie that no script can read. Throws Refusal. */
  async signIn(key: string): Promise<void> {
    const headers = { Authorization: `Bearer ${key.trim()}` }
    this.enter(await ask<Who>('/v1/session', { method: 'POST', headers }))
  }

  async signOut(): Promise<void> {
    await ask('/v1/session', { method: 'DELETE' })
    this.leave()
  }

  private enter(who: Who): void {
    useCsrfToken(who.csrf_token)
    this.who = who
    this.refusal = null
    this.status = 'signed in'
  }

  private leave(): void {
    useCsrfToken(null)
    this.who = null
    this.status = 'signed out'
  }
}

export const session = new Session()
