import { EdgeVlmError } from '../core/errors.js';

/** How often a picture may end the engine. */
const STRIKES = 2;
/** Hashes that are remembered; the oldest are forgotten first. */
const REMEMBERED = 10_000;

/**
 * Pictures that were there when the engine died, by hash. Several requests may have run then, so one crash only makes a picture
 * suspect: it is tried once more, alone, and a second crash puts it away.
 */
export class Quarantine {
  readonly #strikes = new Map<string, number>();

  /** Whether one of the pictures must be tried alone. */
  isSuspect(hashes: readonly string[]): boolean {
    return hashes.some((hash) => this.#strikes.has(hash));
  }

  /** How many pictures are put away. */
  get size(): number {
    return [...this.#strikes.values()].filter((strikes) => strikes >= STRIKES).length;
  }

  /** @throws PICTURE_QUARANTINED */
  check(hashes: readonly string[]): void {
    const known = hashes.find((hash) => (this.#strikes.get(hash) ?? 0) >= STRIKES);
    if (known !== undefined) {
      throw new EdgeVlmError('PICTURE_QUARANTINED', `the picture ${known.slice(0, 12)} ended the engine ${STRIKES} times`);
    }
  }

  /** The engine died while these were worked on. */
  strike(hashes: readonly string[]): void {
    for (const hash of new Set(hashes)) {
      const strikes = (this.#strikes.get(hash) ?? 0) + 1;
      this.#strikes.delete(hash);
      this.#strikes.set(hash, strikes);
    }
    for (const oldest of this.#strikes.keys()) {
      if (this.#strikes.size <= REMEMBERED) break;
      this.#strikes.delete(oldest);
    }
  }

  /** The engine survived these. */
  clear(hashes: readonly string[]): void {
    for (const hash of hashes) this.#strikes.delete(hash);
  }
}
