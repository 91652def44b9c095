import type { ErrorRecord } from '../../../core/errors.js';
import type { Samples, Score, Verdict } from '../../../core/run-record.js';
import { percentile } from '../../../core/percentiles.js';
import { median } from '../../../core/sample-summary.js';
import { scoreMetrics } from '../../quality/metric.js';
import type { CaptionVocabulary } from '../../quality/parse-caption.js';
import { compareSamples } from '../../statistics/compare-samples.js';
import {
  answerCacheMetrics,
  EXCUSED_SHARE,
  exactnessOf,
  forcedMetrics,
  type ForcedAnswer,
  NARROW_GAP,
  predictedSpeedup,
  qualityMetrics,
  timePerToken,
  workMetrics,
} from './ablation-metrics.js';
import type { AblationMeasurement } from './ablation-scenario.js';

/** One variant beside plain decoding over a full cache, as `--json` tells it; null where it does not apply. */
export interface AblationRow {
  /** What the user called it. */
  readonly model: string;
  readonly strategy: string;
  readonly cache: string;
  readonly status: 'ok' | 'failed';
  /** Why it could not be run, or not to the end. */
  readonly error: ErrorRecord | null;
  readonly prompts: number;
  /** Median over the prompts. */
  readonly tokens_per_second: number | null;
  /** Geometric mean over the prompts of plain decoding's time a token / this one's, with its 95% interval, and the median. */
  readonly speedup: number | null;
  readonly speedup_interval: readonly [low: number, high: number] | null;
  readonly speedup_median: number | null;
  readonly predicted_speedup: number | null;
  readonly acceptance_rate: number | null;
  readonly tokens_per_pass: number | null;
  readonly exit_rate: number | null;
  /** Share of the layers' work, gates and heads counted. */
  readonly layers_saved: number | null;
  readonly kv_bytes_per_token: number | null;
  /** Bytes of the full cache / of this one; where the variant was led along, those of what it was led along. */
  readonly kv_ratio: number | null;
  /** Answers that are those of plain decoding over a full cache, token for token, and up to which share of their length they are. */
  readonly answers_same: number;
  readonly token_agreement: number | null;
  /**
   * Of lossy variants that go along the answers of plain decoding, token by token after the first: divergence (KL, nats) of their
   * distributions from plain decoding's, and the share of tokens that both think the likeliest.
   */
  readonly kl_mean: number | null;
  readonly kl_p99: number | null;
  readonly top1_agreement: number | null;
  /** The same of captions alone. */
  readonly caption_top1_agreement: number | null;
  readonly forced_tokens: number;
  /** Of variants that must be exact: whether they were; how many answers differ where the choice was narrower than 1e-3, and elsewhere. */
  readonly exact: boolean | null;
  readonly excused: number | null;
  readonly different: number | null;
  /** The same of answers sampled at a fixed seed. */
  readonly sampled_exact: boolean | null;
  readonly sampled_excused: number | null;
  readonly sampled_different: number | null;
  readonly caption_object_f1: number | null;
  readonly vqa_accuracy: number | null;
}

/** A row and what its record is made of. */
export interface JudgedVariant {
  readonly row: AblationRow;
  readonly scores: readonly Score[];
  readonly samples: readonly Samples[];
  readonly verdicts: readonly Verdict[];
}

export interface JudgeOptions {
  readonly model: string;
  /** null where the variant was not led along. */
  readonly forced?: readonly ForcedAnswer[] | null;
  readonly vocabulary: CaptionVocabulary;
  /** Of the model. */
  readonly layers: number;
  /** Of the bootstrap. */
  readonly seed: number;
  /** Guesses of variants that always guess so many; null: they choose. */
  readonly guesses: number | null;
}

const LEVEL = 0.95;

/** Judges one variant beside plain decoding, prompt by prompt. */
export function judgeVariant(
  measurement: AblationMeasurement,
  { model, vocabulary, layers, seed, guesses, forced = null }: JudgeOptions,
): JudgedVariant {
  const { variant, pairs, failure } = measurement;
  const timed = pairs.flatMap(({ plain, other }) => {
    const [theirs, ours] = [timePerToken(plain), timePerToken(other)];
    return theirs === undefined || ours === undefined ? [] : [{ theirs, ours }];
  });
  const ours = timed.map((one) => one.ours);
  const theirs = timed.map((one) => one.theirs);
  const isReference = pairs.every(({ plain, other }) => plain === other);
  const speed = isReference ? undefined : compareSamples(theirs, ours, { better: 'lower', paired: true, confidence: LEVEL, seed });
  const kept = forced === null ? answerCacheMetrics(pairs) : forcedMetrics(forced);
  const metrics = [...workMetrics(pairs, layers), ...kept, ...qualityMetrics(pairs, 'other', vocabulary)];
  const divergences = (forced ?? []).flatMap(({ tokens }) => tokens.map(({ kl }) => kl)).sort((a, b) => a - b);
  const { scores, samples } = pairs.length === 0 ? { scores: [], samples: [] } : scoreMetrics(metrics, seed);
  const scoreOf = (name: string): number | null => scores.find((score) => score.name === name)?.value ?? null;
  const greedy = exactnessOf(pairs.map(({ difference }) => difference));
  const sampledDifferences = pairs.flatMap(({ sampledDifference }) => (sampledDifference === undefined ? [] : [sampledDifference]));
  const sampled = sampledDifferences.length === 0 ? null : exactnessOf(sampledDifferences);
  const judged = !variant.isExact || isReference || pairs.length === 0 ? null : greedy;
  const ratios = timed.map((one) => one.theirs / one.ours);
  const row: AblationRow = {
    model,
    strategy: variant.strategy,
    cache: variant.cache,
    status: failure === null ? 'ok' : 'failed',
    error: failure?.toJSON() ?? null,
    prompts: pairs.length,
    tokens_per_second: ours.length === 0 ? null : 1000 / median(ours),
    speedup: isReference && pairs.length > 0 ? 1 : (speed?.gain ?? null),
    speedup_interval: speed?.interval ?? null,
    speedup_median: ratios.length === 0 ? null : median(ratios),
    predicted_speedup: predictedSpeedup(pairs, guesses),
    acceptance_rate: scoreOf('acceptance'),
    tokens_per_pass: scoreOf('tokens_per_pass'),
    exit_rate: scoreOf('exit_rate'),
    layers_saved: scoreOf('layers_saved'),
    kv_bytes_per_token: scoreOf('kv_bytes_per_token'),
    kv_ratio: scoreOf('kv_ratio'),
    answers_same: greedy.same,
    token_agreement: scoreOf('agreement.tokens'),
    kl_mean: scoreOf('kl'),
    kl_p99: divergences.length === 0 ? null : percentile(divergences, 0.99).value,
    top1_agreement: scoreOf('top1_agreement'),
    caption_top1_agreement: scoreOf('top1_agreement.caption'),
    forced_tokens: divergences.length,
    exact: judged === null ? null : isExact(judged, pairs.length),
    excused: judged?.excused ?? null,
    different: judged?.different ?? null,
    sampled_exact: sampled === null ? null : isExact(sampled, sampledDifferences.length),
    sampled_excused: sampled?.excused ?? null,
    sampled_different: sampled?.different ?? null,
    caption_object_f1: scoreOf('caption.object_f1'),
    vqa_accuracy: scoreOf('vqa.accuracy'),
  };
  const times: Samples[] = [
    { name: 'tpot_ms', unit: 'ms/token', values: ours, over: 'items' },
    { name: 'plain.tpot_ms', unit: 'ms/token', values: theirs, over: 'items' },
  ];
  return {
    row,
    scores: [
      ...(speed === undefined
        ? []
        : [
            {
              name: 'speedup.decode',
              unit: '×',
              value: speed.gain,
              n: speed.n,
              interval: { low: speed.interval[0], high: speed.interval[1], level: LEVEL },
            },
          ]),
      ...scores,
    ],
    samples: [...times.filter(({ values }) => values.length > 0), ...samples],
    verdicts: [
      ...(judged === null ? [] : [exactVerdict('exact:greedy', judged, pairs.length)]),
      ...(sampled === null ? [] : [exactVerdict('exact:sampled', sampled, sampledDifferences.length)]),
    ],
  };
}

type Exactness = ReturnType<typeof exactnessOf>;

function isExact({ excused, different }: Exactness, prompts: number): boolean {
  return different === 0 && excused <= EXCUSED_SHARE * prompts;
}

function exactVerdict(name: string, exactness: Exactness, prompts: number): Verdict {
  const { same, excused, different } = exactness;
  return {
    name,
    outcome: isExact(exactness, prompts) ? 'pass' : 'fail',
    detail: `${same} of ${prompts} answers are those of plain decoding; ${excused} differ where it chose by less than ${NARROW_GAP}, ${different} elsewhere`,
  };
}
