// What this browser remembers of its reader: no data, only how the page is to look, and what was looked at.

export function remembered(name: string): string | null {
  try {
    return localStorage.getItem(`stormpetrel.${name}`)
  } catch {
    return null // a browser may keep nothing
  }
}

export function remember(name: string, value: string): void {
  try {
    localStorage.setItem(`stormpetrel.${name}`, value)
  } catch {
    // the page works without
  }
}
