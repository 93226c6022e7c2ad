// Who is told of what: receivers, rules, silences, and the notification log, looked at every few seconds.
import { ask, inPath, Refusal, type Schemas } from '../api/client.ts'
import { speech } from '../words/words.svelte.ts'
import type { Rule } from './rule_draft.ts'
import { linesOf, type Entry, type Line } from './told.ts'

/** How the trial of a receiver stands. */
export type Trial = 'testing' | 'sent' | 'waits' | { failed: string }

const EVERY = 10_000 // milliseconds
const LOOK = 500
const LOOKS = 40 // at a test message, before nobody seems to send it
const ENTRIES = 500

class Alerting {
  receivers = $state.raw<Schemas['ReceiverResponse'][]>([])
  rules = $state.raw<Rule[]>([])
  silences = $state.raw<Schemas['SilenceResponse'][]>([])
  told = $state.raw<Line[]>([])
  trials = $state<Record<string, Trial>>({})
  isLoaded = $state(false)
  refusal = $state<Refusal | null>(null)

  /** Looks, and looks again, until what is returned is called. */
  follow(): () => void {
    void this.load()
    const timer = setInterval(() => void this.load(), EVERY)
    return () => clearInterval(timer)
  }

  async load(): Promise<void> {
    try {
      const [receivers, rules, silences, entries] = await Promise.all([
        ask<Schemas['ReceiverResponse'][]>('/v1/alerting/receivers'),
        ask<Rule[]>('/v1/alerting/rules'),
        ask<Schemas['SilenceResponse'][]>('/v1/alerting/silences'),
        ask<Entry[]>('/v1/alerting/notifications', { query: { limit: ENTRIES } })
      ])
      this.receivers = receivers
      if (JSON.stringify(rules) !== JSON.stringify(this.rules)) this.rules = rules // a form that is open stays as it is
      this.silences = silences
      this.told = linesOf(entries)
      this.isLoaded = true
      this.refusal = null
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      this.refusal = error
    }
  }

  /** Has a test message sent, and looks what becomes of it. */
  async tryReceiver(name: string): Promise<void> {
    this.trials[name] = 'testing'
    try {
      const path = `/v1/alerting/receivers/${inPath(name)}/test`
      const { message_id } = await ask<Schemas['TrialResponse']>(path, { method: 'POST' })
      this.trials[name] = await endOf(message_id)
      await this.load()
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      this.trials[name] = { failed: error.detail || speech.words.refusal[error.kind] }
    }
  }
}

async function endOf(messageId: string): Promise<Trial> {
  for (let look = 0; look < LOOKS; look += 1) {
    await new Promise(resolve => setTimeout(resolve, LOOK))
    const [newest] = await ask<Entry[]>('/v1/alerting/notifications', { query: { message_id: messageId, limit: 1 } })
    if (newest?.outcome === 'sent') return 'sent'
    if (newest?.outcome === 'failed') return { failed: newest.problem }
  }
  return 'waits'
}

export const alerting = new Alerting()
