import { type Clock, systemClock } from '../../../core/clock.js';
import { EdgeVlmError } from '../../../core/errors.js';
import type { OpenRuntime } from '../../../core/runtime.js';
import { measureTtft, type TtftMeasurement } from './measure-ttft.js';

/** Who is compared, by the names of the CSV file. */
export const RUNNER_NAMES = ['baseline', 'llamacpp'] as const;
export type RunnerName = (typeof RUNNER_NAMES)[number];

export const PROMPT_TYPES = ['short', 'long'] as const;
export type PromptType = (typeof PROMPT_TYPES)[number];

export interface TtftRunner {
  readonly name: RunnerName;
  readonly open: () => Promise<OpenRuntime>;
}

export interface PromptSet {
  readonly type: PromptType;
  /** Where the prompts come from, as users call it. */
  readonly source: string;
  readonly prompts: readonly string[];
}

/** One prompt put to one runner once. */
export interface TtftAttempt {
  readonly promptType: PromptType;
  /** Place of the prompt in its file, from 0, blank lines not counted. */
  readonly promptIndex: number;
  /** From 0. */
  readonly repetition: number;
  readonly runner: RunnerName;
  readonly outcome: TtftMeasurement | EdgeVlmError;
}

/** What happens, as it happens. */
export type TtftEvent =
  | { readonly type: 'open'; readonly runner: RunnerName }
  | { readonly type: 'opened'; readonly runner: RunnerName; readonly runtime: OpenRuntime }
  | { readonly type: 'unopened'; readonly runner: RunnerName; readonly error: EdgeVlmError }
  | { readonly type: 'prompts'; readonly set: PromptSet }
  | { readonly type: 'prompt'; readonly set: PromptSet; readonly index: number; readonly repetition: number }
  | { readonly type: 'attempt'; readonly runner: RunnerName }
  | { readonly type: 'attempted'; readonly attempt: TtftAttempt };

export interface TtftScenarioOptions {
  /** In the order of the first round; the next goes backwards. */
  readonly runners: readonly TtftRunner[];
  readonly sets: readonly PromptSet[];
  readonly maxTokens: number;
  readonly repetitions: number;
  /** Answers of each runner before the first that counts, for each set of prompts. */
  readonly warmup: number;
  /** Whether caches of earlier prompts may help; else every answer is to be cold. */
  readonly reuse: boolean;
  /** For one answer. */
  readonly timeout_ms: number;
  readonly onEvent?: (event: TtftEvent) => void;
  /** The runners are still there: the moment for probes. */
  readonly beforeClose?: () => Promise<void>;
  readonly clock?: Clock;
  readonly signal: AbortSignal;
}

export interface TtftScenarioResult {
  /** In the order they were made. */
  readonly attempts: readonly TtftAttempt[];
  /** TTFT of warm-up answers by runner and set, milliseconds; those that failed are left out. */
  readonly warmup: readonly { readonly runner: RunnerName; readonly promptType: PromptType; readonly ttft_ms: number }[];
  /** Whether the signal ended it before all attempts were made. */
  readonly partial: boolean;
}

/**
 * Opens all runners, then puts every prompt to each in turn, so that what slows the machine slows them alike. A runner that cannot be
 * opened fails in each of its attempts, and an attempt that fails is a row like others: neither ends the scenario.
 */
export async function runTtftScenario(options: TtftScenarioOptions): Promise<TtftScenarioResult> {
  const { sets, repetitions, warmup, maxTokens, reuse, timeout_ms, signal, clock = systemClock, onEvent = () => undefined } = options;
  const attempts: TtftAttempt[] = [];
  const warmed: TtftScenarioResult['warmup'][number][] = [];
  const opened = new Map<RunnerName, OpenRuntime | EdgeVlmError>();
  const answer = async (runner: RunnerName, prompt: string): Promise<TtftMeasurement | EdgeVlmError> => {
    const runtime = opened.get(runner);
    if (runtime instanceof EdgeVlmError) return runtime;
    if (runtime === undefined) return new EdgeVlmError('INTERNAL', `${runner} was not opened`);
    return settle(measureTtft(runtime.generator, { prompt, maxTokens, reuse, timeout_ms, clock, signal }), signal);
  };
  try {
    for (const { name, open } of options.runners) {
      onEvent({ type: 'open', runner: name });
      const runtime = await settle(open(), signal);
      opened.set(name, runtime);
      if (runtime instanceof EdgeVlmError) onEvent({ type: 'unopened', runner: name, error: runtime });
      else onEvent({ type: 'opened', runner: name, runtime });
    }
    for (const set of sets) {
      onEvent({ type: 'prompts', set });
      for (const { name } of options.runners) {
        for (let i = 0; i < warmup; i++) {
          const outcome = await answer(name, warmupPrompt(set.prompts));
          if (!(outcome instanceof EdgeVlmError)) warmed.push({ runner: name, promptType: set.type, ttft_ms: outcome.ttft_ms });
        }
      }
      for (let repetition = 0; repetition < repetitions; repetition++) {
        for (const [index, prompt] of set.prompts.entries()) {
          onEvent({ type: 'prompt', set, index, repetition });
          for (const { name } of repetition % 2 === 0 ? options.runners : options.runners.toReversed()) {
            onEvent({ type: 'attempt', runner: name });
            const outcome = await answer(name, prompt);
            const attempt = { promptType: set.type, promptIndex: index, repetition, runner: name, outcome };
            attempts.push(attempt);
            onEvent({ type: 'attempted', attempt });
          }
        }
      }
    }
    await options.beforeClose?.();
    return { attempts, warmup: warmed, partial: false };
  } catch (thrown) {
    if (signal.aborted) return { attempts, warmup: warmed, partial: true };
    throw thrown;
  } finally {
    for (const runtime of opened.values()) if (!(runtime instanceof EdgeVlmError)) await runtime.close();
  }
}

/** As long as the first prompt and with another beginning, so that no cache profits from it. */
function warmupPrompt([first = '']: readonly string[]): string {
  return first.split(/\s+/).reverse().join(' ');
}

/** What failed is an outcome. Once the signal aborted, nothing is. */
async function settle<T>(work: Promise<T>, signal: AbortSignal): Promise<T | EdgeVlmError> {
  try {
    return await work;
  } catch (thrown) {
    if (signal.aborted) throw thrown;
    return EdgeVlmError.from(thrown);
  }
}
