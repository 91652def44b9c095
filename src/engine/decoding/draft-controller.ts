import type { SpeculationCosts } from '../../core/decoding.js';
import { speculationSpeedup } from '../../core/speculation-speedup.js';
import { AnswerLengths } from './answer-lengths.js';
import { GuessCosts } from './guess-costs.js';
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
  /** Tokens said, at least the one that the prompt's pass says. Default 0: unknown. */
  readonly said?: number;
  /** Tokens that may still be said. Default without end. */
  readonly allowed?: number;
}

/** Nothing is guessed for less, as a share of a token's time and in milliseconds a token: costs are not known that well, those of passes of a tiny model least. */
const LEAST_GAIN = 0.03;
const LEAST_GAIN_MS = 0.1;
/** Share of the time that may be lost in finding out whether another number of guesses would be faster. */
const TRIED_SHARE = 0.01;
/** Tries at the beginning, in passes without guesses whose time they may lose: whether guesses pay should be known soon. */
const FIRST_TRIES = 10;
/**
 * A small model's weights and graph lie in the processor's caches: after a prompt, and without guesses after some, the first passes take
 * up to twice as long as later ones and say nothing about them.
 */
const WARM_UP_PASSES = 3;
/** Where the guesser has to read first, its costs are seen in answers that go on for so many tokens. */
const MEASURED_WITHIN = 8;
/**
 * Whether guesses pay is decided by what passes without any cost, and where guesses seem to pay, none is seen: after so many passes there are
 * so many without guesses in a row, of which those after the warm-up count. That costs a two-hundredth of the time at most.
 */
const PLAIN_EVERY = 256;
const PLAIN_RUN = WARM_UP_PASSES + 1;
/** Where none are made, it is thought over again after so many passes: that takes as long as a tenth of a small model's pass. */
const REST_PASSES = 24;
/** How the acceptance forgets with every draft, and what it begins with: as if 2 tokens were guessed at 70%. */
const ACCEPTANCE_MEMORY = 0.95;
const PRIOR = { accepted: 1.4, judged: 2 } as const;
/** How the cost of reading forgets with every answer. */
const READ_MEMORY = 0.9;

/**
 * Chooses how many tokens to guess. What a pass over m tokens costs is measured on the passes themselves, which all yield tokens, and
 * read off its neighbours where it was never tried. Where no guesses are the best choice, others are tried as often as a hundredth of
 * the time pays for. Lives as long as the engine, so an answer begins with what earlier ones taught.
 */
export class DraftController {
  readonly #costs: GuessCosts;
  readonly #lengths = new AnswerLengths();
  #pass = 0;
  /** Whether the pass is one of the first after the prompt. */
  #isCold = false;
  /** Passes without guesses since the last ones with some; of an answer whose first ones they are, all. */
  #plainRun = Infinity;
  /** When it was last seen what a pass without guesses costs, and until which pass none are guessed in order to see it. */
  #plainSeen = 0;
  #plainUntil = 0;
  /** No guesses before this pass, and whether that is so only for the rest of this answer. */
  #restsUntil = 0;
  #restsForAnswer = false;
  #accepted: number = PRIOR.accepted;
  #judged: number = PRIOR.judged;
  #read = { tokens: 0, ms: 0 };
  /** To find out whether guesses have become righter, by the number that loses least, and what numbers cost, by the one not measured for longest. */
  readonly #acceptanceTrials = new TrialAllowance(TRIED_SHARE);
  readonly #costTrials = new TrialAllowance(TRIED_SHARE / 2);

  constructor(private readonly options: DraftControllerOptions) {
    this.#costs = new GuessCosts(options.draftTokens, options.costs);
  }

  /** The share of guesses that are right, of those whose predecessors all were. */
  get acceptance(): number {
    return this.#accepted / this.#judged;
  }

  /** What was found so far, numbers that were never tried from their neighbours; undefined before any guess was measured. */
  get costs(): SpeculationCosts | undefined {
    return this.#costs.costs;
  }

  /** How many tokens to guess next; 0 for none. */
  choose({ unread = 0, said = 0, allowed = Infinity }: AnswerSoFar = {}): number {
    const { draftTokens, adaptive } = this.options;
    if (!adaptive) return draftTokens;
    this.#pass++;
    this.#isCold = said > 0 && said <= WARM_UP_PASSES;
    if (said === 1) this.#plainRun = Infinity;
    if (this.#pass < Math.max(this.#restsUntil, this.#plainUntil)) return 0;
    const { costs } = this;
    const remaining = Math.min(allowed, this.#lengths.remaining(said));
    // A pass for which the guesser has to read first shows nothing.
    const showsNothing = this.#isCold || (unread > 0 && remaining < MEASURED_WITHIN);
    const unmeasured = showsNothing ? undefined : this.#costs.unmeasured();
    if (unmeasured !== undefined) return unmeasured;
    // Too little came to the guesser's mind to tell.
    if (costs === undefined) return showsNothing ? 0 : draftTokens;
    const plain_ms = passCost(costs, 0);
    const worthwhile_ms = Math.max(0, Math.min((1 - LEAST_GAIN) * plain_ms, plain_ms - LEAST_GAIN_MS));
    const read_ms = this.#readCost(unread);
    // What follows counts as often as it does follow.
    const goesOn = 1 - this.#lengths.endsAfter(said);
    const speedups = costs.verify_ms.map((_, count) => speculationSpeedup(this.acceptance, count, costs));
    const token_ms = speedups.map((speedup, count) => {
      const cost = passCost(costs, count);
      return cost / (1 + goesOn * ((speedup * cost) / (costs.verify_ms[0] ?? NaN) - 1));
    });
    const fastest = leastOf(token_ms);
    const pays = (token_ms[fastest] ?? NaN) < worthwhile_ms;
    const best = pays && remaining * (plain_ms - (token_ms[fastest] ?? NaN)) > read_ms ? fastest : 0;
    // What its tokens take longer than they should.
    const limit_ms = best === 0 ? worthwhile_ms : (token_ms[best] ?? NaN);
    const loss_ms = (count: number): number =>
      ((token_ms[count] ?? NaN) / limit_ms - 1) * passCost(costs, count) + (best === 0 ? read_ms : 0);
    const kindest = 1 + leastOf(token_ms.slice(1));
    if (best === 0 && !this.#isCold && this.#acceptanceTrials.pays(loss_ms(kindest), passCost(costs, kindest))) return kindest;
    if (best !== 0 && !this.#isCold && this.#pass - this.#plainSeen > PLAIN_EVERY) {
      this.#plainUntil = this.#pass + PLAIN_RUN;
      return 0;
    }
    const { stalest } = this.#costs;
    if (!this.#isCold && this.#costTrials.pays(loss_ms(stalest), passCost(costs, stalest))) return stalest;
    // Elsewhere in the answer, or in another, they may pay.
    const mayPay = plain_ms / Math.max(...speedups) < worthwhile_ms;
    if (best === 0 && (pays || !mayPay)) {
      this.#restsUntil = this.#pass + REST_PASSES;
      this.#restsForAnswer = mayPay;
    }
    return best;
  }

  /**
   * @param draft_ms undefined where the guesser had to read first: see `recordRead`
   * @param built whether a graph was built meanwhile, which is rarely so
   */
  recordCost(count: number, draft_ms: number | undefined, verify_ms: number, built = false): void {
    const pass_ms = (draft_ms ?? 0) + verify_ms;
    // Where nothing came to the guesser's mind, the time it took is lost.
    const lost_ms = count === 0 ? draft_ms : undefined;
    for (const allowance of [this.#acceptanceTrials, this.#costTrials]) allowance.spend(pass_ms, built, lost_ms);
    this.#plainRun = count > 0 ? 0 : this.#plainRun + 1;
    const isWarm = !this.#isCold && (count > 0 || this.#plainRun > WARM_UP_PASSES);
    if (isWarm && count === 0) this.#plainSeen = this.#pass;
    // What a guesser took to find nothing is no part of a pass without guesses.
    const cost = isWarm && draft_ms !== undefined ? { draft_ms: count === 0 ? 0 : draft_ms, verify_ms } : null;
    const isNews = this.#costs.record(count, this.#pass, cost, built);
    if (isNews && count === 0) this.#acceptanceTrials.grant(FIRST_TRIES * verify_ms);
  }

  /** The guesser has read the prompt, or what was said without its guesses, and made its first guess meanwhile. */
  recordRead(tokens: number, ms: number): void {
    this.#read = { tokens: READ_MEMORY * this.#read.tokens + tokens, ms: READ_MEMORY * this.#read.ms + ms };
  }

  /** @param judged guesses that were looked at, the first wrong one included; nothing is known of what came after it */
  recordAccepted(judged: number, accepted: number): void {
    if (judged === 0) return;
    this.#accepted = ACCEPTANCE_MEMORY * this.#accepted + accepted;
    this.#judged = ACCEPTANCE_MEMORY * this.#judged + judged;
  }

  /** An answer has ended. */
  recordAnswer(tokens: number): void {
    if (this.#restsForAnswer) this.#restsUntil = 0;
    this.#lengths.record(tokens);
  }

  #readCost(unread: number): number {
    const { tokens, ms } = this.#read;
    return tokens === 0 ? 0 : (unread * ms) / tokens;
  }
}

function passCost({ draft_ms, verify_ms }: SpeculationCosts, count: number): number {
  return (draft_ms[count] ?? NaN) + (verify_ms[count] ?? NaN);
}

/** Where the least value is, the first of equals. */
function leastOf(values: readonly number[]): number {
  return values.reduce((best, value, i) => (value < (values[best] ?? Infinity) ? i : best), 0);
}
