// Light or dark: as the system has it, until somebody chooses.
import { remember, remembered } from './remembered.ts'

export type ThemeName = 'light' | 'dark'

class Theme {
  name = $state<ThemeName>('dark')

  constructor() {
    const system = matchMedia('(prefers-color-scheme: light)')
    const chosen = remembered('theme')
    this.show(chosen === 'light' || chosen === 'dark' ? chosen : system.matches ? 'light' : 'dark')
    system.addEventListener('change', () => remembered('theme') ?? this.show(system.matches ? 'light' : 'dark'))
  }

  change(): void {
    this.show(this.name === 'dark' ? 'light' : 'dark')
    remember('theme', this.name)
  }

  private show(name: ThemeName): void {
    this.name = name
    document.documentElement.dataset.theme = name
  }
}

export const theme = new Theme()
