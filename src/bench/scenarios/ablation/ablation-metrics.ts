import { speculationSpeedup } from '../../../core/speculation-speedup.js';
import { answerMetrics, type ScoredAnswer } from '../../quality/answer-metrics.js';
import { objectMetrics, type ScoredCaption } from '../../quality/caption-metrics.js';
import { meanMetric, type Metric } from '../../quality/metric.js';
import type { CaptionVocabulary } from '../../quality/parse-caption.js';
import type { PromptTruth } from './ablation-prompt.js';
import type { AblationAnswer, AblationPair, Difference } from './ablation-scenario.js';

/** Where plain decoding chose more narrowly than this, the rounding of sums may have chosen otherwise. Fixed, never fitted. */
export const NARROW_GAP = 1e-3;
/** Of so many prompts at most. */
export const EXCUSED_SHARE = 0.01;

/** Answers that are the same, that differ where plain decoding chose narrowly, and that differ where it did not. */
export interface Exactness {
  readonly same: number;
  readonly excused: number;
  readonly different: number;
}

/** @param differences null where an answer is the same */
export function exactnessOf(differences: readonly (Difference | null)[]): Exactness {
  const excused = differences.filter((one) => one !== null && one.gap !== null && one.gap < NARROW_GAP).length;
  const same = differences.filter((one) => one === null).length;
  return { same, excused, different: differences.length - same - excused };
}

/** Milliseconds a token, the pass that finds the answer's end counted; undefined for an answer without a token. */
export function timePerToken({ decode_ms, tokens }: AblationAnswer): number | undefined {
  return tokens.length === 0 || decode_ms <= 0 ? undefined : decode_ms / tokens.length;
}

/** Shares over prompts, each from sums: agreement, acceptance, exits, layers. Those of nothing are left out when scored. */
export function workMetrics(pairs: readonly AblationPair[], layers: number): Metric[] {
  const share = (name: string, row: (pair: AblationPair) => readonly [part: number, of: number], unit = 'fraction'): Metric => ({
    name,
    unit,
    columns: [`${name}.part`, `${name}.of`],
    rows: pairs.map(row),
    score: ([part = 0, of = 0]) => part / of,
  });
  const decodingOf = ({ other }: AblationPair): AblationAnswer['decoding'] => other.decoding;
  return [
    meanMetric(
      'agreement.answers',
      'fraction',
      pairs.map(({ difference }) => Number(difference === null)),
    ),
    share('agreement.tokens', ({ plain, other, difference }) => {
      const all = Math.max(plain.tokens.length, other.tokens.length);
      return [difference === null ? all : difference.token, all];
    }),
    share('acceptance', (pair) => [decodingOf(pair)?.accepted ?? 0, decodingOf(pair)?.judged ?? 0]),
    share('tokens_per_pass', (pair) => [pair.other.tokens.length, decodingOf(pair)?.passes ?? 0], 'tokens'),
    share('exit_rate', (pair) => {
      const exits = Object.entries(decodingOf(pair)?.exits ?? {});
      const sum = (of: typeof exits): number => of.reduce((total, [, count]) => total + count, 0);
      return [sum(exits.filter(([layer]) => Number(layer) < layers)), sum(exits)];
    }),
    {
      ...share('layers_saved', (pair) => [decodingOf(pair)?.layerEquivalents ?? 0, decodingOf(pair)?.fullLayerEquivalents ?? 0]),
      score: ([spent = 0, full = 0]) => 1 - spent / full,
    },
  ];
}

/** What the answers' own caches took, where nothing was led along. */
export function answerCacheMetrics(pairs: readonly AblationPair[]): Metric[] {
  return cacheMetrics(
    pairs.map(({ plain, other }) => ({
      cacheBytes: other.cacheBytes,
      referenceBytes: plain.cacheBytes,
      contextTokens: other.promptTokens + other.tokens.length,
    })),
  );
}

interface ForcedToken {
  readonly kl: number;
  /** Whether both think the same token the likeliest. */
  readonly agrees: boolean;
}

/** What a variant made of an answer that it was led along. */
export interface ForcedAnswer {
  /** What was asked for; null where nothing is true. */
  readonly asks: NonNullable<PromptTruth>['asks'] | null;
  readonly tokens: readonly ForcedToken[];
  /** Bytes of keys and values at its end: the variant's, and those of plain decoding over a full cache. */
  readonly cacheBytes: number;
  readonly referenceBytes: number;
  /** Tokens that they are of. */
  readonly contextTokens: number;
}

/** Over tokens that a variant was led along; answers are what is drawn. */
export function forcedMetrics(answers: readonly ForcedAnswer[]): Metric[] {
  if (answers.length === 0) return [];
  const mean = (name: string, unit: string, of: (token: ForcedToken) => number, among = answers): Metric => ({
    name,
    unit,
    columns: [`${name}.sum`, `${name}.tokens`],
    rows: among.map(({ tokens }) => [tokens.reduce((sum, token) => sum + of(token), 0), tokens.length]),
    score: ([sum = 0, n = 0]) => sum / n,
  });
  const agrees = (token: ForcedToken): number => Number(token.agrees);
  const ofCaptions = answers.filter(({ asks }) => asks === 'caption');
  return [
    mean('kl', 'nats', ({ kl }) => kl),
    mean('top1_agreement', 'fraction', agrees),
    ...(ofCaptions.length === 0 ? [] : [mean('top1_agreement.caption', 'fraction', agrees, ofCaptions)]),
    ...cacheMetrics(answers),
  ];
}

/** What a cache takes, from sums. */
function cacheMetrics(answers: readonly Omit<ForcedAnswer, 'tokens' | 'asks'>[]): Metric[] {
  return [
    {
      name: 'kv_bytes_per_token',
      unit: 'bytes',
      columns: ['kv_bytes_per_token.bytes', 'kv_bytes_per_token.tokens'],
      rows: answers.map(({ cacheBytes, contextTokens }) => [cacheBytes, contextTokens]),
      score: ([bytes = 0, tokens = 0]) => bytes / tokens,
    },
    {
      name: 'kv_ratio',
      unit: '×',
      columns: ['kv_ratio.full', 'kv_ratio.bytes'],
      rows: answers.map(({ cacheBytes, referenceBytes }) => [referenceBytes, cacheBytes]),
      score: ([full = 0, bytes = 0]) => full / bytes,
    },
  ];
}

/** How right the answers are, where that is known. @param which whose answers */
export function qualityMetrics(pairs: readonly AblationPair[], which: 'plain' | 'other', vocabulary: CaptionVocabulary): Metric[] {
  const captions = pairs.flatMap(({ truth, [which]: { text } }): ScoredCaption[] =>
    truth?.asks === 'caption' ? [{ said: text, objects: truth.objects, right: truth.right }] : [],
  );
  const answers = pairs.flatMap(({ truth, [which]: { text } }): ScoredAnswer[] =>
    truth?.asks === 'answer' ? [{ said: text, kind: truth.kind, answer: truth.answer }] : [],
  );
  const metrics = [...objectMetrics(captions, vocabulary), ...answerMetrics(answers)];
  return metrics.filter(({ name, rows }) => QUALITY.has(name) && rows.length > 0);
}

const QUALITY: ReadonlySet<string> = new Set(['caption.object_f1', 'caption.exact', 'vqa.accuracy']);

/**
 * What measured costs and acceptance promise, or layers left out; null where nothing promises anything.
 * @param guesses exactly so many; null: as many as are best, or none
 */
export function predictedSpeedup(pairs: readonly AblationPair[], guesses: number | null): number | null {
  const statistics = pairs.flatMap(({ other }) => other.decoding ?? []);
  const sum = (of: (one: (typeof statistics)[number]) => number): number => statistics.reduce((total, one) => total + of(one), 0);
  const full = sum((one) => one.fullLayerEquivalents);
  if (full > 0) return full / sum((one) => one.layerEquivalents);
  const costs = statistics.findLast((one) => one.costs !== null)?.costs;
  const judged = sum((one) => one.judged);
  if (costs === undefined || costs === null || judged === 0) return null;
  const acceptance = sum((one) => one.accepted) / judged;
  const counts = guesses === null ? costs.verify_ms.map((_, count) => count) : [guesses];
  const best = Math.max(...counts.map((count) => speculationSpeedup(acceptance, count, costs)));
  return Number.isFinite(best) ? best : null;
}
