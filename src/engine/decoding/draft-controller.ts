import type { SpeculationCosts } from '../../core/decoding.js';
import { speculationSpeedup } from '../../core/speculation-speedup.js';
import { median } from '../../core/sample-summary.js';

export interface DraftControllerOptions {
  /** Guesses at most. */
  readonly draftTokens: number;
  /** Guess fewer, or none, where that is faster; else always `draftTokens`. */
  readonly adaptive: boolean;
  /** Measured before; what they lack is measured while decoding. */
  readonly costs?: SpeculationCosts | undefined;
}

/** Costs are medians of the newest of so many; the first of a kind builds its graph and does not count. */
const COSTS_KEPT = 5;
const COSTS_NEEDED = 2;
/** Once in so many passes one token is guessed where guesses do not pay: the text may have become easier. */
const TRIED_EVERY = 64;
/** Once in so many passes the number that was not measured for longest is: the device may have become hot, or cool. */
const MEASURED_EVERY = 512;
/** How the acceptance forgets with every draft, and what it begins with: as if 2 tokens were guessed at 70%. */
const MEMORY = 0.95;
const PRIOR = { accepted: 1.4, judged: 2 } as const;

interface Kind {
  readonly draft_ms: number[];
  readonly verify_ms: number[];
  seen: number;
  /** The pass it was last measured in. */
  newest: number;
}

/**
 * Chooses how many tokens to guess. What a pass over m tokens costs is measured on the passes themselves, which all yield tokens:
 * nothing is computed for measurement's sake. Lives as long as the engine, so an answer begins with what earlier ones taught.
 */
export class DraftController {
  readonly #kinds: readonly Kind[];
  #pass = 0;
  #accepted: number = PRIOR.accepted;
  #judged: number = PRIOR.judged;

  constructor(private readonly options: DraftControllerOptions) {
    const { draftTokens, costs } = options;
    this.#kinds = Array.from({ length: draftTokens + 1 }, (_, count) => {
      const [draft, verify] = [costs?.draft_ms[count], costs?.verify_ms[count]];
      const known = draft !== undefined && verify !== undefined;
      const repeated = (value: number): number[] => Array.from({ length: COSTS_NEEDED }, () => value);
      return known
        ? { draft_ms: repeated(draft), verify_ms: repeated(verify), seen: 1, newest: 0 }
        : { draft_ms: [], verify_ms: [], seen: 0, newest: 0 };
    });
  }

  /** The share of guesses that are right, of those whose predecessors all were. */
  get acceptance(): number {
    return this.#accepted / this.#judged;
  }

  /** What was measured so far; undefined while a number of guesses was not. */
  get costs(): SpeculationCosts | undefined {
    if (this.#kinds.some(({ draft_ms }) => draft_ms.length < COSTS_NEEDED)) return undefined;
    return {
      draft_ms: this.#kinds.map(({ draft_ms }) => median(draft_ms)),
      verify_ms: this.#kinds.map(({ verify_ms }) => median(verify_ms)),
    };
  }

  /** How many tokens to guess next; 0 for none. */
  choose(): number {
    const { draftTokens, adaptive } = this.options;
    if (!adaptive) return draftTokens;
    this.#pass++;
    const { costs } = this;
    const counts = this.#kinds.map((_, count) => count);
    // The longest first: where drafts help it is the likeliest to.
    if (costs === undefined) return least(counts.toReversed(), (count) => this.#kinds[count]?.draft_ms.length ?? 0);
    if (this.#pass % MEASURED_EVERY === 0) return least(counts, (count) => this.#kinds[count]?.newest ?? 0);
    const best = least(counts, (count) => -this.speedup(count, costs));
    return best === 0 && this.#pass % TRIED_EVERY === 0 ? 1 : best;
  }

  /** How much faster than without guesses, at the acceptance seen. */
  speedup(count: number, costs: SpeculationCosts): number {
    return speculationSpeedup(this.acceptance, count, costs);
  }

  recordCost(count: number, draft_ms: number, verify_ms: number): void {
    const kind = this.#kinds[count];
    if (kind === undefined) return;
    kind.newest = this.#pass;
    if (kind.seen++ === 0) return;
    keepNewest(kind.draft_ms, draft_ms);
    keepNewest(kind.verify_ms, verify_ms);
  }

  /** @param judged guesses that were looked at, the first wrong one included; nothing is known of what came after it */
  recordAccepted(judged: number, accepted: number): void {
    if (judged === 0) return;
    this.#accepted = MEMORY * this.#accepted + accepted;
    this.#judged = MEMORY * this.#judged + judged;
  }
}

/** The first of those with the least value. */
function least(counts: readonly number[], value: (count: number) => number): number {
  let best = 0;
  let bestValue = Infinity;
  for (const count of counts) {
    const of = value(count);
    if (of >= bestValue) continue;
    [best, bestValue] = [count, of];
  }
  return best;
}

function keepNewest(values: number[], value: number): void {
  values.push(value);
  if (values.length > COSTS_KEPT) values.shift();
}
