import { EdgeVlmError } from '../core/errors.js';
import type { QuarantineFile } from './quarantine-file.js';

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

  /**
   * @param known pictures that are put away already
   * @param file keeps those that are put away; absent: they are forgotten with the server
   */
  constructor(
    known: readonly string[] = [],
    private readonly file?: QuarantineFile,
  ) {
    for (const hash of known) this.#strikes.set(hash, STRIKES);
  }

  /** Whether one of the pictures must be tried alone. */
  isSuspect(hashes: readonly string[]): boolean {
    return hashes.some((hash) => this.#strikes.has(hash));
  }

  /** How many pictures are put away. */
  get size(): number {
    return this.#putAway().length;
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
    let isNew = false;
    for (const hash of new Set(hashes)) {
      const strikes = (this.#strikes.get(hash) ?? 0) + 1;
      this.#strikes.delete(hash);
      this.#strikes.set(hash, strikes);
      isNew ||= strikes === STRIKES;
    }
    for (const oldest of this.#strikes.keys()) {
      if (this.#strikes.size <= REMEMBERED) break;
      this.#strikes.delete(oldest);
    }
    if (isNew) this.file?.write(this.#putAway());
  }

  /** The engine survived these. */
  clear(hashes: readonly string[]): void {
    for (const hash of hashes) this.#strikes.delete(hash);
  }

  /** Resolves when the file says what is put away. */
  async saved(): Promise<void> {
    await this.file?.written();
  }

  /** Oldest first. */
  #putAway(): string[] {
    return [...this.#strikes].filter(([, strikes]) => strikes >= STRIKES).map(([hash]) => hash);
  }
}
