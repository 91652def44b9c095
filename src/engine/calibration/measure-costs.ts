import type { SpeculationCosts } from '../../core/decoding.js';
import { EdgeVlmError } from '../../core/errors.js';
import { median } from '../../core/sample-summary.js';
import type { DecodingStrategy, DecodingTarget, DecodingTask } from '../decoding/decoding-strategy.js';
import type { LayeredTarget } from '../decoding/layered-target.js';
import { argmax } from '../sampling/greedy-sampler.js';

export interface MeasureCostsOptions {
  /** Guesses at most: passes of 1 to so many tokens and one more are timed. */
  readonly guesses: number;
  /** How often each is timed; the first time builds graphs and does not count. */
  readonly rounds: number;
  /** How many early layers are tried as a drafter. */
  readonly draftLayers: readonly number[];
}

/** What guessing costs, by who guesses; null where nobody is there to guess. */
export interface MeasuredCosts {
  /** `draft_ms` is nothing: looking for a place in the text takes microseconds. */
  readonly ngram: SpeculationCosts;
  readonly speculative: SpeculationCosts | null;
  /** By the number of early layers. */
  readonly selfSpeculative: ReadonlyMap<number, SpeculationCosts>;
}

type Times = readonly { readonly draft_ms: number[]; readonly verify_ms: number[] }[];

/**
 * Times drafts and passes over them behind a prompt, in turns so that a slow moment hits all alike, and takes back what it appended.
 * Says nothing but the prompt's next token.
 */
export class MeasureCosts implements DecodingStrategy {
  readonly lossy = null;
  readonly warnings = [];
  readonly #ngram: Times;
  readonly #speculative: Times;
  readonly #early: ReadonlyMap<number, Times>;

  constructor(private readonly options: MeasureCostsOptions) {
    const times = (): Times => Array.from({ length: options.guesses + 1 }, () => ({ draft_ms: [], verify_ms: [] }));
    this.#ngram = times();
    this.#speculative = times();
    this.#early = new Map(options.draftLayers.map((layers) => [layers, times()]));
  }

  /** Medians over all prompts so far. @throws INTERNAL before the first */
  get costs(): MeasuredCosts {
    const ngram = medians(this.#ngram);
    if (ngram === null) throw new EdgeVlmError('INTERNAL', 'no cost was measured');
    const early = [...this.#early].flatMap(([layers, times]): [number, SpeculationCosts][] => {
      const costs = medians(times);
      return costs === null ? [] : [[layers, costs]];
    });
    return { ngram, speculative: medians(this.#speculative), selfSpeculative: new Map(early) };
  }

  async *run({ target, promptLogits, draft, layers }: DecodingTask): AsyncGenerator<number, 'stop' | 'length'> {
    const token = argmax(promptLogits);
    const { guesses, rounds } = this.options;
    const counts = Array.from({ length: guesses + 1 }, (_, count) => count);
    const drafting = (await draft?.()) ?? null;
    for (let round = 0; round < rounds; round++) {
      const isCounted = round > 0;
      for (const count of round % 2 === 0 ? counts : counts.toReversed()) {
        const verify_ms = await timePass(target, token, count);
        if (isCounted) note(this.#ngram, count, 0, verify_ms);
        if (drafting !== null) {
          const draft_ms = await timeDraft(drafting, token, count);
          if (isCounted) note(this.#speculative, count, draft_ms, verify_ms);
        }
        for (const [early, times] of layers === null ? [] : this.#early) {
          const spent = await timeEarlyLayers(target, layers, { token, early, count });
          if (isCounted) note(times, count, spent.draft_ms, spent.verify_ms);
        }
      }
    }
    yield token;
    return 'stop';
  }
}

/** A pass over the last token and `count` guesses. */
async function timePass(target: DecodingTarget, token: number, count: number): Promise<number> {
  const length = target.length();
  const start = performance.now();
  await target.decode(new Int32Array(count + 1).fill(token), 'all');
  const spent = performance.now() - start;
  target.truncate(length);
  return spent;
}

/** `count` guesses, one after the other. */
async function timeDraft(draft: DecodingTarget, token: number, count: number): Promise<number> {
  if (count === 0) return 0;
  const length = draft.length();
  const start = performance.now();
  for (let i = 0; i < count; i++) argmax(await draft.decode(Int32Array.of(token), 'last'));
  const spent = performance.now() - start;
  draft.truncate(length);
  return spent;
}

/** The same by the target's own early layers, and the pass through the others, as `EarlyLayersDrafter` goes about it. */
async function timeEarlyLayers(
  target: DecodingTarget,
  layers: LayeredTarget | null,
  { token, early, count }: { token: number; early: number; count: number },
): Promise<{ draft_ms: number; verify_ms: number }> {
  const length = target.length();
  if (layers === null) throw new EdgeVlmError('INTERNAL', 'there are no layers to time');
  // Nobody guesses where nothing is to be guessed: then the pass is a plain one.
  if (count === 0) return { draft_ms: 0, verify_ms: await timePass(target, token, 0) };
  const one = Int32Array.of(token);
  const start = performance.now();
  const states: Float32Array[] = [];
  for (let i = 0; i < count; i++) {
    const { hidden, logits } = await layers.begin(one, early, { logits: true });
    argmax(logits);
    states.push(hidden);
  }
  const drafted = performance.now();
  states.push((await layers.begin(one, early, {})).hidden);
  const width = states[0]?.length ?? 0;
  const hidden = new Float32Array(width * states.length);
  for (const [i, state] of states.entries()) hidden.set(state, i * width);
  await layers.resume(hidden, { from: early, to: layers.layers }, { logits: true });
  const verified = performance.now();
  target.truncate(length);
  return { draft_ms: drafted - start, verify_ms: verified - drafted };
}

function note(times: Times, count: number, draft_ms: number, verify_ms: number): void {
  times[count]?.draft_ms.push(draft_ms);
  times[count]?.verify_ms.push(verify_ms);
}

function medians(times: Times): SpeculationCosts | null {
  if (times.some(({ verify_ms }) => verify_ms.length === 0)) return null;
  return { draft_ms: times.map(({ draft_ms }) => median(draft_ms)), verify_ms: times.map(({ verify_ms }) => median(verify_ms)) };
}
