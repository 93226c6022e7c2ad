// The address as it stands, and how it changes: every view has its address, and the browser's back leads back.
import { readAddress, writeAddress, type Address } from './address.ts'

class Route {
  now = $state<Address>(readAddress(location.hash))

  constructor() {
    addEventListener('hashchange', () => (this.now = readAddress(location.hash)))
  }

  /** Goes to a changed view. The browser's back leads to the one before. */
  go(change: Partial<Address>): void {
    const next = writeAddress({ ...this.now, ...change })
    if (next !== location.hash) location.hash = next
  }

  /** Changes the view in place, for what moves under somebody's hand. */
  adjust(change: Partial<Address>): void {
    this.now = { ...this.now, ...change }
    history.replaceState(null, '', writeAddress(this.now))
  }
}

export const route = new Route()
