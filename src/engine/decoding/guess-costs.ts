import type { SpeculationCosts } from '../../core/decoding.js';

/** Costs are lower quartiles of the newest so many; the first of a kind builds its graph and does not count. */
const COSTS_KEPT = 12;
const COSTS_NEEDED = 2;
/** How often a cost is asked for at first; guessers may have less to say. */
const ASKED_AT_MOST = 8;
/** ggml has kernels for so many rows at once: a pass over them costs less than its neighbours. */
const FOUR_ROWS = 4;

interface Cost {
  readonly draft_ms: number;
  readonly verify_ms: number;
}

interface Kind {
  /** Measured before; null where it was not. */
  readonly known: Cost | null;
  readonly draft_ms: number[];
  readonly verify_ms: number[];
  /** Lower quartiles of what was measured; undefined until they are asked for. */
  cost?: Cost | undefined;
  /** How often it was computed, and asked for in order to measure it. */
  seen: number;
  asked: number;
  /** The pass it was last measured in. */
  newest: number;
}

/** What passes over so many guesses were seen to cost. */
export class GuessCosts {
  readonly #kinds: readonly Kind[];

  /** @param known measured before; what they lack is measured while decoding */
  constructor(draftTokens: number, known: SpeculationCosts | undefined) {
    this.#kinds = Array.from({ length: draftTokens + 1 }, (_, count) => {
      const [draft, verify] = [known?.draft_ms[count], known?.verify_ms[count]];
      const cost = draft === undefined || verify === undefined ? null : { draft_ms: draft, verify_ms: verify };
      return { known: cost, draft_ms: [], verify_ms: [], seen: 0, asked: 0, newest: 0 };
    });
  }

  /**
   * A pass over so many guesses is over.
   * @param cost null where it says nothing about others
   * @param built whether a graph was built meanwhile: such passes count only as long as there are no others
   * @returns whether this number has now been measured for the first time
   */
  record(count: number, pass: number, cost: Cost | null, built: boolean): boolean {
    const kind = this.#kinds[count];
    if (kind === undefined) return false;
    kind.newest = pass;
    if (kind.seen++ === 0 || cost === null || (built && isKnown(kind))) return false;
    keepNewest(kind.draft_ms, cost.draft_ms);
    keepNewest(kind.verify_ms, cost.verify_ms);
    kind.cost = undefined;
    return kind.draft_ms.length === COSTS_NEEDED;
  }

  /** What is measured before anything is decided; the longest early, as it is the likeliest to help, and what lies between is read off. */
  unmeasured(): number | undefined {
    const longest = this.#kinds.length - 1;
    return [0, longest, Math.min(FOUR_ROWS - 1, longest)].find((count) => {
      const kind = this.#kinds[count];
      return kind !== undefined && !isKnown(kind) && kind.asked++ < ASKED_AT_MOST;
    });
  }

  /** The number that was not measured for longest. */
  get stalest(): number {
    return this.#kinds.reduce((stalest, { newest }, count) => (newest < (this.#kinds[stalest]?.newest ?? 0) ? count : stalest), 0);
  }

  /**
   * What was found so far, numbers that were never tried from their neighbours; undefined before any guess was measured. What was measured
   * before counts until it is measured here, at the pace of passes without guesses: a device is slower when it is warm or busy.
   */
  get costs(): SpeculationCosts | undefined {
    const none = this.#kinds[0];
    if (none === undefined || !isKnown(none)) return undefined;
    const zero = costOf(none, 1);
    const pace = none.known === null ? 1 : zero.verify_ms / none.known.verify_ms;
    const costs = [zero];
    let [below, last] = [0, zero];
    const readOff = (to: number, from: Cost, next: Cost, end: number): void => {
      while (costs.length <= to) {
        const share = (costs.length - below) / (end - below);
        const between = (a: number, b: number): number => a + (b - a) * share;
        costs.push({ draft_ms: between(from.draft_ms, next.draft_ms), verify_ms: between(from.verify_ms, next.verify_ms) });
      }
    };
    this.#kinds.forEach((kind, count) => {
      if (count === 0 || !isKnown(kind)) return;
      const cost = costOf(kind, pace);
      readOff(count - 1, last, cost, count);
      costs.push(cost);
      [below, last] = [count, cost];
    });
    if (below === 0) return undefined;
    // Beyond the last one the line from 0 goes on.
    const end = below;
    below = 0;
    readOff(this.#kinds.length - 1, zero, last, end);
    return { draft_ms: costs.map(({ draft_ms }) => draft_ms), verify_ms: costs.map(({ verify_ms }) => verify_ms) };
  }
}

function isMeasured({ draft_ms }: Kind): boolean {
  return draft_ms.length >= COSTS_NEEDED;
}

function isKnown(kind: Kind): boolean {
  return kind.known !== null || isMeasured(kind);
}

/** @param pace how many times longer passes take than when they were measured before */
function costOf(kind: Kind, pace: number): Cost {
  const { known } = kind;
  if (known !== null && !isMeasured(kind)) return { draft_ms: pace * known.draft_ms, verify_ms: pace * known.verify_ms };
  return (kind.cost ??= { draft_ms: lowerQuartile(kind.draft_ms), verify_ms: lowerQuartile(kind.verify_ms) });
}

/**
 * A number of guesses that seems slow is not chosen and so not measured again: values that other work on the machine has spoilt must
 * not count, few as they all are.
 */
function lowerQuartile(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[(values.length - 1) >> 2] ?? NaN;
}

function keepNewest(values: number[], value: number): void {
  values.push(value);
  if (values.length > COSTS_KEPT) values.shift();
}
