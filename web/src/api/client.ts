// Questions to the API. Every answer is a value or a Refusal that says what happened and what to do.
import type { components } from './schema'
import { clock } from '../state/clock.svelte.ts'

export type Schemas = components['schemas']
export type RefusalKind = 'offline' | 'slow' | 'signed out' | 'not allowed' | 'not found' | 'faulty' | 'busy' | 'server'

/** Why there is no answer. `detail` is the server's own sentence, where it gave one. */
export class Refusal extends Error {
  constructor(
    readonly kind: RefusalKind,
    readonly detail: string
  ) {
    super(`${kind}: ${detail}`)
  }
}

export interface Question {
  method?: 'GET' | 'POST' | 'PUT' | 'DELETE'
  query?: Record<string, string | number | readonly string[] | null | undefined>
  body?: unknown
  headers?: Record<string, string>
  signal?: AbortSignal
  /** How long an answer is waited for, milliseconds. */
  patience?: number
}

const LONGEST_WAIT = 20_000 // milliseconds
let csrfToken: string | null = null
let whenSignedOut: () => void = () => {}

/** What a session's changes must carry. */
export function useCsrfToken(token: string | null): void {
  csrfToken = token
}

export function onSignedOut(then: () => void): void {
  whenSignedOut = then
}

/** Asks the API. Throws Refusal, and an AbortError where the signal says so. */
export async function ask<Answer>(path: string, question: Question = {}): Promise<Answer> {
  const response = await send(path, question)
  return response.status === 204 ? (undefined as Answer) : ((await response.json()) as Answer)
}

/** The same for an answer that is text. */
export async function askText(path: string, question: Question = {}): Promise<string> {
  return (await send(path, question)).text()
}

/** The same for an answer that is a picture or another file. */
export async function askBlob(path: string, question: Question = {}): Promise<Blob> {
  return (await send(path, question)).blob()
}

async function send(path: string, { method = 'GET', query, body, headers, signal, patience = LONGEST_WAIT }: Question): Promise<Response> {
  const timeout = AbortSignal.timeout(patience)
  const request: RequestInit = {
    method,
    headers: {
      Accept: 'application/json',
      ...(body === undefined ? {} : { 'Content-Type': 'application/json' }),
      ...(csrfToken !== null && method !== 'GET' ? { 'X-CSRF-Token': csrfToken } : {}),
      ...headers
    },
    signal: signal ? AbortSignal.any([signal, timeout]) : timeout,
    ...(body === undefined ? {} : { body: JSON.stringify(body) })
  }
  let response: Response
  try {
    response = await fetch(address(path, query), request)
  } catch (error) {
    if (signal?.aborted) throw error
    throw new Refusal(timeout.aborted ? 'slow' : 'offline', '')
  }
  clock.heard(response.headers.get('date'))
  if (response.ok) return response
  const refusal = new Refusal(kindOf(response.status), await detailOf(response))
  if (refusal.kind === 'signed out') whenSignedOut()
  throw refusal
}

/** A path with its query; a parameter of several values stands several times. */
export function address(path: string, query: Question['query'] = {}): string {
  const given = new URLSearchParams()
  for (const [name, value] of Object.entries(query)) {
    if (value === null || value === undefined || value === '') continue
    for (const each of Array.isArray(value) ? value : [value]) given.append(name, String(each))
  }
  const text = given.toString()
  return text ? `${path}?${text}` : path
}

/** An id as a part of a path. Ids of posts may hold slashes, which the API takes as they are. */
export function inPath(id: string): string {
  return encodeURIComponent(id)
}

function kindOf(status: number): RefusalKind {
  const known: Record<number, RefusalKind> = {
    401: 'signed out',
    403: 'not allowed',
    404: 'not found',
    408: 'slow',
    415: 'faulty',
    422: 'faulty',
    429: 'busy',
    503: 'busy'
  }
  return known[status] ?? 'server'
}

async function detailOf(response: Response): Promise<string> {
  try {
    return sentence(((await response.json()) as { detail?: unknown }).detail)
  } catch {
    return `${response.status}`
  }
}

/** The API's `detail` in one line: a sentence, or the faults of a request with their remedies. */
export function sentence(detail: unknown): string {
  if (typeof detail === 'string') return detail
  if (!Array.isArray(detail)) return ''
  return (detail as Partial<Schemas['Fault']>[])
    .map(fault => `${fault.field ?? ''}: ${fault.problem ?? ''}. ${fault.remedy ?? ''}`)
    .join(' ')
}
