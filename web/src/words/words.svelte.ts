// The words of the language that the reader has chosen, or that the browser asks for.
import { en, type Words } from './en.ts'
import { it } from './it.ts'
import { remembered, remember } from '../state/remembered.ts'

export const LANGUAGES = { en, it } as const satisfies Record<string, Words>
export type Language = keyof typeof LANGUAGES

function chosen(): Language {
  const asked = [remembered('language'), ...navigator.languages].map(tag => (tag ?? '').slice(0, 2).toLowerCase())
  return asked.find((tag): tag is Language => tag in LANGUAGES) ?? 'en'
}

class Speech {
  language = $state<Language>(chosen())

  get words(): Words {
    return LANGUAGES[this.language]
  }

  speak(language: Language): void {
    this.language = language
    document.documentElement.lang = language
    remember('language', language)
  }

  percent(share: number): string {
    return new Intl.NumberFormat(this.language, { style: 'percent', maximumFractionDigits: 0 }).format(share)
  }

  number(value: number, digits = 1): string {
    return new Intl.NumberFormat(this.language, { maximumFractionDigits: digits }).format(value)
  }
}

export const speech = new Speech()
