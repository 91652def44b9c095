import type { DecodingOptions, DecodingStatistics } from '../../../core/decoding.js';
import { EdgeVlmError } from '../../../core/errors.js';
import type { DetailedGenerator, GenerateRequest, SamplingOptions } from '../../../core/generator.js';
import type { ImagePreprocessing } from '../../../core/image.js';
import type { ThermalReading } from '../../../core/probe.js';
import { NO_PROGRESS, ProgressTask, type Progress } from '../../../core/progress.js';
import { ThermalProbe } from '../../probes/thermal.js';
import type { AblationPrompt, PromptKind, PromptTruth } from './ablation-prompt.js';

/** One way to find tokens over one way to keep keys and values. */
export interface AblationVariant {
  readonly strategy: string;
  readonly cache: string;
  readonly decoding: DecodingOptions;
  /** Whether its answers must be those of plain decoding over the full cache. */
  readonly isExact: boolean;
}

/** Variants over one cache, which is chosen when the model is loaded. */
export interface AblationGroup {
  /** Loads the model with this cache; null: the reference's own. */
  readonly start: (() => Promise<DetailedGenerator>) | null;
  readonly variants: readonly AblationVariant[];
}

export interface AblationOptions {
  /** Loads the model with a full cache; stays loaded, so that every variant takes turns with plain decoding. */
  readonly reference: () => Promise<DetailedGenerator>;
  readonly groups: readonly AblationGroup[];
  /** How many prompts; `prompt` is also asked for the one after the last, to warm up. */
  readonly count: number;
  readonly prompt: (index: number, vision: ImagePreprocessing | null) => Promise<AblationPrompt>;
  /** Exact variants are asked again so; null: only greedily. */
  readonly sampling: SamplingOptions | null;
  readonly onProgress?: Progress;
  /** Ends the run early; finished prompts are kept. */
  readonly signal: AbortSignal;
}

export interface AblationAnswer {
  readonly text: string;
  readonly tokens: readonly number[];
  /** From the first token to the end of the answer, milliseconds: as many passes as plain decoding has tokens. */
  readonly decode_ms: number;
  readonly promptTokens: number;
  readonly cacheBytes: number;
  readonly decoding: DecodingStatistics | null;
}

/** The first token in which an answer differs from plain decoding, and how narrowly plain decoding chose it; null where unknown. */
export interface Difference {
  readonly token: number;
  readonly gap: number | null;
}

/** What a variant and plain decoding said to one prompt. */
export interface AblationPair {
  readonly index: number;
  readonly kind: PromptKind;
  readonly truth: PromptTruth;
  readonly plain: AblationAnswer;
  readonly other: AblationAnswer;
  /** null where the tokens are the same. */
  readonly difference: Difference | null;
  /** The same of sampled answers; undefined where none were asked for. */
  readonly sampledDifference: Difference | null | undefined;
}

export interface AblationMeasurement {
  readonly variant: AblationVariant;
  readonly pairs: readonly AblationPair[];
  /** Why it could not be run to the end. */
  readonly failure: EdgeVlmError | null;
}

export interface AblationResult {
  /** Plain decoding over the full cache first. */
  readonly measurements: readonly AblationMeasurement[];
  /** Prompts that do not fit into the context. */
  readonly skipped: number;
  readonly thermal: { readonly before: ThermalReading; readonly after: ThermalReading };
}

const PLAIN: AblationVariant = { strategy: 'plain', cache: 'full', decoding: { strategy: 'plain' }, isExact: true };

/** One variant at work. */
class Entrant {
  readonly pairs: AblationPair[] = [];
  failure: EdgeVlmError | null = null;

  constructor(
    readonly variant: AblationVariant,
    readonly generator: DetailedGenerator | null,
  ) {}
}

/**
 * Has every variant answer the same prompts, prompt by prompt in turns with plain decoding over the full cache. A variant that cannot
 * run is left out with its reason.
 * @throws what the reference throws
 */
export async function runAblation(options: AblationOptions): Promise<AblationResult> {
  const { groups, count, signal } = options;
  const task = new ProgressTask(options.onProgress ?? NO_PROGRESS, { label: 'ablation', unit: 'prompts', total: count * groups.length });
  const thermal = new ThermalProbe();
  const before = await thermal.read();
  const reference = await options.reference();
  const plain = new Map<number, AblationPair>();
  const measurements: AblationMeasurement[] = [];
  const skipped = new Set<number>();
  const stopped = (): boolean => signal.aborted;
  try {
    for (const group of groups) {
      if (stopped()) break;
      const entrants = await enter(group, reference);
      try {
        for (let at = -1; at < count && !stopped(); at++) {
          const isWarmUp = at < 0;
          const index = isWarmUp ? count : at;
          const pair = await takeTurns(reference, entrants, index, isWarmUp, options).catch((thrown: unknown) => {
            if (stopped()) return null;
            if (EdgeVlmError.from(thrown).code !== 'CONTEXT_FULL') throw thrown;
            return null;
          });
          if (isWarmUp) continue;
          if (pair !== null) plain.set(index, plain.get(index) ?? pair);
          else if (!stopped()) skipped.add(index);
          task.advance();
        }
      } finally {
        for (const generator of new Set(entrants.map((entrant) => entrant.generator)))
          if (generator !== reference) await generator?.close();
      }
      measurements.push(...entrants.map(({ variant, pairs, failure }) => ({ variant, pairs, failure })));
    }
  } finally {
    task.end();
    await reference.close();
  }
  return {
    measurements: [{ variant: PLAIN, pairs: [...plain.values()], failure: null }, ...measurements],
    skipped: skipped.size,
    thermal: { before, after: await thermal.read() },
  };
}

async function enter({ start, variants }: AblationGroup, reference: DetailedGenerator): Promise<Entrant[]> {
  try {
    const generator = start === null ? reference : await start();
    return variants.map((variant) => new Entrant(variant, generator));
  } catch (thrown) {
    const failure = EdgeVlmError.from(thrown);
    return variants.map((variant) => Object.assign(new Entrant(variant, null), { failure }));
  }
}

/** One prompt, answered by all; what plain decoding said to it. @throws what the reference throws; CANCELLED */
async function takeTurns(
  reference: DetailedGenerator,
  entrants: readonly Entrant[],
  index: number,
  isWarmUp: boolean,
  { prompt: promptAt, sampling, signal }: AblationOptions,
): Promise<AblationPair> {
  const prompt = await promptAt(index, reference.description.vision);
  const ask = (generator: DetailedGenerator, decoding: DecodingOptions, more: Partial<GenerateRequest> = {}): Promise<Said> =>
    say(generator, { input: { messages: prompt.messages }, maxTokens: prompt.maxTokens, reuse: false, decoding, ...more }, signal);
  const said = new Map<Entrant, AblationAnswer>();
  let plain: AblationAnswer | undefined;
  const alive = entrants.filter(({ failure }) => failure === null);
  const order = [null, ...alive];
  for (const entrant of index % 2 === 0 ? order : order.toReversed()) {
    if (entrant === null) plain = (await ask(reference, PLAIN.decoding)).answer;
    else await attempt(entrant, async (generator) => said.set(entrant, (await ask(generator, entrant.variant.decoding)).answer), signal);
  }
  if (plain === undefined) throw new EdgeVlmError('INTERNAL', 'plain decoding had no turn');
  const expected = plain;

  /** Where tokens differ, plain decoding is asked once more: to note how narrowly it chose takes time. */
  const differenceOf = async (
    ours: readonly number[],
    theirs: readonly number[],
    sampled?: SamplingOptions,
  ): Promise<Difference | null> => {
    const token = firstDifference(ours, theirs);
    if (token < 0) return null;
    const again = await ask(reference, PLAIN.decoding, { choiceGaps: true, ...(sampled && { sampling: sampled }) });
    const isSame = firstDifference(again.answer.tokens, theirs) < 0;
    return { token, gap: isSame ? (again.choiceGaps[token] ?? null) : null };
  };
  let sampled: AblationAnswer | undefined;
  for (const [entrant, other] of said) {
    const { isExact, decoding } = entrant.variant;
    let sampledDifference: Difference | null | undefined;
    if (isExact && sampling !== null && !isWarmUp) {
      sampled ??= (await ask(reference, PLAIN.decoding, { sampling })).answer;
      const theirs = sampled.tokens;
      await attempt(
        entrant,
        async (generator) => {
          const { answer } = await ask(generator, decoding, { sampling });
          sampledDifference = await differenceOf(answer.tokens, theirs, sampling);
        },
        signal,
      );
    }
    if (isWarmUp || entrant.failure !== null) continue;
    const difference = isExact ? await differenceOf(other.tokens, expected.tokens) : lossyDifference(other, expected);
    entrant.pairs.push({ index, kind: prompt.kind, truth: prompt.truth, plain: expected, other, difference, sampledDifference });
  }
  return {
    ...{ index, kind: prompt.kind, truth: prompt.truth, plain: expected, other: expected },
    ...{ difference: null, sampledDifference: undefined },
  };
}

/** What fails is noted and has no further turn. @throws CANCELLED */
async function attempt(entrant: Entrant, work: (generator: DetailedGenerator) => Promise<unknown>, signal: AbortSignal): Promise<void> {
  if (entrant.generator === null) return;
  try {
    await work(entrant.generator);
  } catch (thrown) {
    if (signal.aborted) throw thrown;
    entrant.failure = EdgeVlmError.from(thrown);
  }
}

function lossyDifference(other: AblationAnswer, plain: AblationAnswer): Difference | null {
  const token = firstDifference(other.tokens, plain.tokens);
  return token < 0 ? null : { token, gap: null };
}

function firstDifference(a: readonly number[], b: readonly number[]): number {
  for (let i = 0; i < Math.max(a.length, b.length); i++) if (a[i] !== b[i]) return i;
  return -1;
}

interface Said {
  readonly answer: AblationAnswer;
  readonly choiceGaps: readonly (number | null)[];
}

async function say(generator: DetailedGenerator, request: GenerateRequest, signal: AbortSignal): Promise<Said> {
  signal.throwIfAborted();
  const tokens: number[] = [];
  for await (const event of generator.generate(request, signal)) {
    if (event.type === 'token') {
      tokens.push(event.token);
      continue;
    }
    const { text, finishReason, promptTokens, timings, cacheBytes = 0, decoding = null, choiceGaps = [] } = event.result;
    if (finishReason === 'cancelled') throw new EdgeVlmError('CANCELLED', 'stopped while generating');
    const decode_ms = timings.total_ms - timings.ttft_ms;
    return { answer: { text, tokens, decode_ms, promptTokens, cacheBytes, decoding }, choiceGaps };
  }
  throw new EdgeVlmError('INTERNAL', 'the generator ended without a result');
}
