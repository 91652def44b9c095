import type { SpeculationCosts } from '../../core/decoding.js';
import { speculationSpeedup } from '../../core/speculation-speedup.js';
import { TrialAllowance } from './trial-allowance.js';

export interface DraftControllerOptions {
  /** Guesses at most. */
  readonly draftTokens: number;
  /** Guess fewer, or none, where that is faster; else always `draftTokens`. */
  readonly adaptive: boolean;
  /** Measured before; what they lack is measured while decoding. */
  readonly costs?: SpeculationCosts | undefined;
}

/** What an answer has come to, when guesses may be made. */
export interface AnswerSoFar {
  /** Tokens that the guesser has to read before it can guess. Default 0. */
  readonly unread?: number;
  /** Tokens said. Default 0. */
  readonly said?: number;
  /** Tokens that may still be said. Default without end. */
  readonly allowed?: number;
}

/** Costs are lower quartiles of the newest so many; the first of a kind builds its graph and does not count. */
const COSTS_KEPT = 12;
const COSTS_NEEDED = 2;
/** How often a cost is asked for at first; guessers may have less to say. */
const ASKED_AT_MOST = 8;
/** ggml has kernels for so many rows at once: a pass over them costs less than its neighbours. */
const FOUR_ROWS = 4;
/** Nothing is guessed for less: the costs are not known that well. */
const LEAST_GAIN = 0.03;
/** Share of the time that may be lost in finding out whether another number of guesses would be faster. */
const TRIED_SHARE = 0.01;
/** Tries at the beginning, in passes without guesses whose time they may lose: whether guesses pay should be known soon. */
const FIRST_TRIES = 10;
/** Where none are made, it is thought over again after so many passes: that takes as long as a tenth of a small model's pass. */
const REST_PASSES = 8;
/** How the acceptance forgets with every draft, and what it begins with: as if 2 tokens were guessed at 70%. */
const ACCEPTANCE_MEMORY = 0.95;
const PRIOR = { accepted: 1.4, judged: 2 } as const;
/** How the cost of reading, and how long answers are, forget with every answer. */
const ANSWER_MEMORY = 0.9;

interface Kind {
  readonly draft_ms: number[];
  readonly verify_ms: number[];
  /** Lower quartiles of what was measured; undefined until they are asked for. */
  cost?: { readonly draft_ms: number; readonly verify_ms: number } | undefined;
  /** How often it was computed, and asked for in order to measure it. */
  seen: number;
  asked: number;
  /** The pass it was last measured in. */
  newest: number;
}

/**
 * Chooses how many tokens to guess. What a pass over m tokens costs is measured on the passes themselves, which all yield tokens, and
 * read off its neighbours where it was never tried. Where no guesses are the best choice, others are tried as often as a hundredth of
 * the time pays for. Lives as long as the engine, so an answer begins with what earlier ones taught.
 */
export class DraftController {
  readonly #kinds: readonly Kind[];
  #pass = 0;
  /** No guesses before this pass. */
  #restsUntil = 0;
  #accepted: number = PRIOR.accepted;
  #judged: number = PRIOR.judged;
  #read = { tokens: 0, ms: 0 };
  #answers = { count: 0, tokens: 0 };
  /** To find out whether guesses have become righter, by the number that loses least, and what numbers cost, by the one not measured for longest. */
  readonly #acceptanceTrials = new TrialAllowance(TRIED_SHARE);
  readonly #costTrials = new TrialAllowance(TRIED_SHARE / 2);

  constructor(private readonly options: DraftControllerOptions) {
    const { draftTokens, costs } = options;
    this.#kinds = Array.from({ length: draftTokens + 1 }, (_, count) => {
      const [draft, verify] = [costs?.draft_ms[count], costs?.verify_ms[count]];
      const known = draft !== undefined && verify !== undefined;
      const repeated = (value: number): number[] => Array.from({ length: COSTS_NEEDED }, () => value);
      return known
        ? { draft_ms: repeated(draft), verify_ms: repeated(verify), seen: 1, asked: 0, newest: 0 }
        : { draft_ms: [], verify_ms: [], seen: 0, asked: 0, newest: 0 };
    });
  }

  /** The share of guesses that are right, of those whose predecessors all were. */
  get acceptance(): number {
    return this.#accepted / this.#judged;
  }

  /** What was found so far, numbers that were never tried from their neighbours; undefined before any guess was measured. */
  get costs(): SpeculationCosts | undefined {
    const known = this.#kinds.flatMap((kind, count) => (isKnown(kind) ? [count] : []));
    if (known[0] !== 0 || known.length < 2) return undefined;
    const of = (field: 'draft_ms' | 'verify_ms'): number[] => {
      const at = (count: number): number => costOf(this.#kinds[count])[field];
      return this.#kinds.map((_, count) => {
        const above = known.find((other) => other >= count) ?? known.at(-1) ?? 0;
        if (above === count) return at(count);
        // Beyond the last one the line from 0 goes on.
        const below = above > count ? (known.findLast((other) => other < count) ?? 0) : 0;
        return at(below) + ((at(above) - at(below)) * (count - below)) / (above - below);
      });
    };
    return { draft_ms: of('draft_ms'), verify_ms: of('verify_ms') };
  }

  /** How many tokens to guess next; 0 for none. */
  choose({ unread = 0, said = 0, allowed = Infinity }: AnswerSoFar = {}): number {
    const { draftTokens, adaptive } = this.options;
    if (!adaptive) return draftTokens;
    this.#pass++;
    if (this.#pass < this.#restsUntil) return 0;
    const unmeasured = this.#unmeasured();
    if (unmeasured !== undefined) return unmeasured;
    const { costs } = this;
    // Too little came to the guesser's mind to tell.
    if (costs === undefined) return draftTokens;
    const token_ms = this.#kinds.map((_, count) => (costs.verify_ms[0] ?? NaN) / this.speedup(count, costs));
    const read_ms = this.#readCost(unread);
    const gain_ms = (count: number): number => this.#remaining(said, allowed) * ((token_ms[0] ?? NaN) - (token_ms[count] ?? NaN)) - read_ms;
    const fastest = leastOf(token_ms);
    const pays = (token_ms[fastest] ?? NaN) < (1 - LEAST_GAIN) * (token_ms[0] ?? NaN);
    const best = pays && gain_ms(fastest) > 0 ? fastest : 0;
    // What its tokens take longer than they would.
    const loss_ms = (count: number): number =>
      ((token_ms[count] ?? NaN) / (token_ms[best] ?? NaN) - 1) * passCost(costs, count) + (best === 0 ? read_ms : 0);
    const kindest = 1 + leastOf(token_ms.slice(1));
    const stalest = leastOf(this.#kinds.map(({ newest }) => newest));
    if (best === 0 && this.#acceptanceTrials.pays(loss_ms(kindest))) return kindest;
    if (this.#costTrials.pays(loss_ms(stalest))) return stalest;
    if (best === 0) this.#restsUntil = this.#pass + REST_PASSES;
    return best;
  }

  /** What is measured before anything is decided; the longest early, as it is the likeliest to help, and what lies between is read off. */
  #unmeasured(): number | undefined {
    const { draftTokens } = this.options;
    return [0, draftTokens, Math.min(FOUR_ROWS - 1, draftTokens)].find((count) => {
      const kind = this.#kinds[count];
      return kind !== undefined && !isKnown(kind) && kind.asked++ < ASKED_AT_MOST;
    });
  }

  /** How much faster than without guesses, at the acceptance seen. */
  speedup(count: number, costs: SpeculationCosts): number {
    return speculationSpeedup(this.acceptance, count, costs);
  }

  /** @param draft_ms undefined where the guesser had to read first: see `recordRead` */
  recordCost(count: number, draft_ms: number | undefined, verify_ms: number): void {
    for (const allowance of [this.#acceptanceTrials, this.#costTrials]) allowance.spend((draft_ms ?? 0) + verify_ms, count > 0);
    const kind = this.#kinds[count];
    if (kind === undefined) return;
    kind.newest = this.#pass;
    if (draft_ms === undefined || kind.seen++ === 0) return;
    keepNewest(kind.draft_ms, draft_ms);
    keepNewest(kind.verify_ms, verify_ms);
    kind.cost = undefined;
    if (count === 0 && kind.seen === COSTS_NEEDED + 1) this.#acceptanceTrials.grant(FIRST_TRIES * verify_ms);
  }

  /** The guesser has read the prompt, or what was said without its guesses, and made its first guess meanwhile. */
  recordRead(tokens: number, ms: number): void {
    this.#read = { tokens: ANSWER_MEMORY * this.#read.tokens + tokens, ms: ANSWER_MEMORY * this.#read.ms + ms };
  }

  /** @param judged guesses that were looked at, the first wrong one included; nothing is known of what came after it */
  recordAccepted(judged: number, accepted: number): void {
    if (judged === 0) return;
    this.#accepted = ACCEPTANCE_MEMORY * this.#accepted + accepted;
    this.#judged = ACCEPTANCE_MEMORY * this.#judged + judged;
  }

  /** An answer has ended. */
  recordAnswer(tokens: number): void {
    this.#restsUntil = 0;
    this.#answers = { count: ANSWER_MEMORY * this.#answers.count + 1, tokens: ANSWER_MEMORY * this.#answers.tokens + tokens };
  }

  #readCost(unread: number): number {
    const { tokens, ms } = this.#read;
    return tokens === 0 ? 0 : (unread * ms) / tokens;
  }

  /** How much more will be said: as usual, and of an answer longer than that, as much again. */
  #remaining(said: number, allowed: number): number {
    const { count, tokens } = this.#answers;
    const usual = count === 0 ? Infinity : tokens / count;
    return Math.min(allowed, said < usual ? usual - said : said);
  }
}

function isKnown({ draft_ms }: Kind): boolean {
  return draft_ms.length >= COSTS_NEEDED;
}

function passCost({ draft_ms, verify_ms }: SpeculationCosts, count: number): number {
  return (draft_ms[count] ?? NaN) + (verify_ms[count] ?? NaN);
}

function costOf(kind: Kind | undefined): { readonly draft_ms: number; readonly verify_ms: number } {
  if (kind === undefined) return { draft_ms: NaN, verify_ms: NaN };
  return (kind.cost ??= { draft_ms: lowerQuartile(kind.draft_ms), verify_ms: lowerQuartile(kind.verify_ms) });
}

/** Where the least value is, the first of equals. */
function leastOf(values: readonly number[]): number {
  return values.reduce((best, value, i) => (value < (values[best] ?? Infinity) ? i : best), 0);
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
