import { EdgeVlmError } from '../../../core/errors.js';
import type { Verdict } from '../../../core/run-record.js';
import type { TtftMeasurement } from './measure-ttft.js';
import { reconcileTimings } from './reconcile-timings.js';
import { RUNNER_NAMES, type RunnerName, type TtftAttempt } from './ttft-scenario.js';

/** Answers of so few tokens may well come in one piece. */
const FEW_TOKENS = 2;

/** Whether the figures are what they are called: caches, streaming, the server's clock, and whether both did the same work. */
export function ttftVerdicts(attempts: readonly TtftAttempt[], { reuse }: { readonly reuse: boolean }): Verdict[] {
  const of = (runner: RunnerName): TtftMeasurement[] =>
    attempts.flatMap((attempt) => (attempt.runner === runner && !(attempt.outcome instanceof EdgeVlmError) ? [attempt.outcome] : []));
  const answered = RUNNER_NAMES.filter((runner) => of(runner).length > 0);
  return [
    ...answered.flatMap((runner) => [...(reuse ? [] : [coldVerdict(runner, of(runner))]), streamingVerdict(runner, of(runner))]),
    ...(answered.includes('llamacpp') ? [reconcileTimings('llamacpp', of('llamacpp'))] : []),
    ...parityVerdicts(attempts),
  ];
}

function coldVerdict(runner: RunnerName, measured: readonly TtftMeasurement[]): Verdict {
  const name = `cold:${runner}`;
  const warm = measured.filter(({ cachedTokens }) => (cachedTokens ?? 0) > 0).length;
  const untold = measured.filter(({ cachedTokens }) => cachedTokens === null).length;
  if (warm > 0) {
    return {
      name,
      outcome: 'fail',
      detail: `${warm} of ${measured.length} answers used a cache of earlier prompts, though none was to be used`,
    };
  }
  if (untold > 0)
    return { name, outcome: 'inconclusive', detail: `of ${untold} of ${measured.length} answers nobody tells whether a cache was used` };
  return { name, outcome: 'pass', detail: `none of ${measured.length} answers used a cache of earlier prompts` };
}

function streamingVerdict(runner: RunnerName, measured: readonly TtftMeasurement[]): Verdict {
  const name = `streaming:${runner}`;
  const long = measured.filter(({ completionTokens }) => completionTokens > FEW_TOKENS);
  if (long.length === 0) return { name, outcome: 'inconclusive', detail: `no answer has more than ${FEW_TOKENS} tokens` };
  const whole = long.filter(({ pieces }) => pieces === 1).length;
  if (whole === 0) return { name, outcome: 'pass', detail: `${long.length} answers came piece by piece` };
  return {
    name,
    outcome: 'fail',
    detail: `${whole} of ${long.length} answers of more than ${FEW_TOKENS} tokens came in one piece: their TTFT is the time of the whole answer`,
  };
}

/** Compares the runners on what both have answered. */
function parityVerdicts(attempts: readonly TtftAttempt[]): Verdict[] {
  const pairs = attempts.flatMap((attempt) => {
    const other = attempts.find(
      ({ runner, promptType, promptIndex, repetition }) =>
        runner === 'llamacpp' &&
        promptType === attempt.promptType &&
        promptIndex === attempt.promptIndex &&
        repetition === attempt.repetition,
    );
    if (attempt.runner !== 'baseline' || other === undefined) return [];
    const [baseline, server] = [attempt.outcome, other.outcome];
    return baseline instanceof EdgeVlmError || server instanceof EdgeVlmError ? [] : [{ baseline, server }];
  });
  if (pairs.length === 0) return [];
  return [tokensVerdict(pairs), textVerdict(pairs)];
}

interface Pair {
  readonly baseline: TtftMeasurement;
  readonly server: TtftMeasurement;
}

function tokensVerdict(pairs: readonly Pair[]): Verdict {
  const name = 'parity:prompt_tokens';
  const counted = pairs.flatMap(({ baseline, server }) =>
    baseline.promptTokens === null || server.promptTokens === null ? [] : [[baseline.promptTokens, server.promptTokens] as const],
  );
  if (counted.length === 0) return { name, outcome: 'inconclusive', detail: 'not both tell how many tokens a prompt has' };
  const different = counted.filter(([ours, theirs]) => ours !== theirs).length;
  if (different === 0) return { name, outcome: 'pass', detail: `all ${counted.length} pairs of prompts have as many tokens in both` };
  const [ours, theirs] = [0, 1].map((side) => counted.reduce((sum, pair) => sum + (pair[side] ?? 0), 0) / counted.length);
  return {
    name,
    outcome: 'fail',
    detail: `${different} of ${counted.length} prompts have another number of tokens (mean ${(ours ?? NaN).toFixed(1)} for the baseline, ${(theirs ?? NaN).toFixed(1)} for the server): TTFT compares different work`,
  };
}

function textVerdict(pairs: readonly Pair[]): Verdict {
  const name = 'parity:text';
  const same = pairs.filter(({ baseline, server }) => baseline.text === server.text).length;
  if (same === pairs.length) return { name, outcome: 'pass', detail: `all ${same} pairs of answers are the same` };
  return {
    name,
    outcome: 'inconclusive',
    detail: `${same} of ${pairs.length} pairs of answers are the same; other weights or precisions answer differently`,
  };
}
