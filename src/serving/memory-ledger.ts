import { EdgeVlmError } from '../core/errors.js';

/** What all models together may take: bytes, or `auto` for what the machine or its container has. */
export type MemoryBudget = number | 'auto';

/** Somebody who takes memory. */
export interface MemoryHolder {
  readonly name: string;
  /** As planned; null where nobody knows. */
  readonly bytes: number | null;
  /** Processes that hold it already; none while it is being loaded. */
  pids(): readonly number[];
}

export interface MemoryLedgerOptions {
  readonly budget: MemoryBudget;
  /** Bytes that the machine, or its container, could still give. */
  readonly available: () => number;
  /** Bytes that processes hold; null where the system does not tell. */
  readonly resident: (pids: readonly number[]) => number | null;
}

/** Kept free with `auto`, for requests and for everything else that runs. */
const RESERVE_BYTES = 64 * 1024 * 1024;

/** Keeps account of who was promised how much memory, so that a model which would not fit is refused before it is read. */
export class MemoryLedger {
  readonly #holders = new Set<MemoryHolder>();

  constructor(private readonly options: MemoryLedgerOptions) {}

  get budget(): MemoryBudget {
    return this.options.budget;
  }

  /** Bytes that may still be promised. @param without as if this holder were gone */
  free(without?: MemoryHolder): number {
    const { budget, available } = this.options;
    const others = [...this.#holders].filter((holder) => holder !== without);
    const planned = sum(others.map(({ bytes }) => bytes ?? 0));
    if (budget !== 'auto') return Math.max(0, budget - planned);
    const given = without === undefined ? 0 : this.#residentOf(without);
    // What was promised and is not taken yet: weights that are being read, a cache that no prompt has filled so far.
    const owed = sum(others.map((holder) => Math.max(0, (holder.bytes ?? 0) - this.#residentOf(holder))));
    return Math.max(0, Math.floor(available() + given - owed - RESERVE_BYTES));
  }

  /**
   * Whether so much may be promised. With `auto` a model alone always may: the engine looks itself, and can leave weights in the file.
   * @param without as if this holder were gone
   */
  fits(bytes: number | null, without?: MemoryHolder): boolean {
    if (bytes === null) return true;
    const isAlone = [...this.#holders].every((holder) => holder === without);
    return (this.options.budget === 'auto' && isAlone) || bytes <= this.free(without);
  }

  /** Counts what a holder was promised. */
  hold(holder: MemoryHolder): void {
    this.#holders.add(holder);
  }

  release(holder: MemoryHolder): void {
    this.#holders.delete(holder);
  }

  /** What is told to whom memory cannot be promised. */
  refusal(name: string, bytes: number | null): EdgeVlmError {
    const unloadable = [...this.#holders].map((holder) => `${holder.name} (${holder.bytes ?? 'unknown'} bytes)`);
    return new EdgeVlmError(
      'MEMORY_BUDGET',
      `${name} needs ${bytes ?? 'unknown'} bytes of memory, ${this.free()} are free; could be unloaded: ${unloadable.join(', ') || 'nothing'}`,
    );
  }

  /** Of a holder's promise the part that it has taken; all of it where the system does not tell. */
  #residentOf(holder: MemoryHolder): number {
    const pids = holder.pids();
    if (pids.length === 0) return 0;
    return this.options.resident(pids) ?? holder.bytes ?? 0;
  }
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
