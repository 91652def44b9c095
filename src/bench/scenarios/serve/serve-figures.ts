import { EdgeVlmError } from '../../../core/errors.js';
import { percentile, type Percentile } from '../../../core/percentiles.js';
import { median } from '../../../core/sample-summary.js';
import type { Interval } from '../../statistics/bootstrap.js';
import { bootstrapRatio } from '../../statistics/bootstrap-ratio.js';
import { compareSamples } from '../../statistics/compare-samples.js';
import { SECOND_QUESTIONS, type SecondQuestion } from './ask-again.js';
import type { ServeAnswer } from './measure-answer.js';
import type { ServeBlock, ServeResult } from './serve-scenario.js';
import { loadName, SERVE_SIDES, type ServeLoad, type ServeSide } from './serve-target.js';

/** p50, p95 and p99 of a time, each with the bound that the number of samples gives; null where nothing was answered. */
export type TimePercentiles = Readonly<Record<'p50' | 'p95' | 'p99', Percentile>> | null;

/** What one server did under one load, all rounds together. */
export interface LoadFigures {
  readonly requests: number;
  readonly answered: number;
  /** Answers per second: of all rounds, answers / duration. */
  readonly requests_per_second: number;
  /** New tokens of all answers per second. */
  readonly tokens_per_second: number;
  readonly ttft_ms: TimePercentiles;
  readonly tpot_ms: TimePercentiles;
  readonly latency_ms: TimePercentiles;
  /** How many requests failed, by what they failed with: `SERVER_AWAY 429`. */
  readonly errors: Readonly<Record<string, number>>;
}

/** How many times as good the server is as its peer: above 1, it is better. */
export interface Ratio {
  readonly ratio: number;
  /** 95%; null for fewer than two values of a side. */
  readonly interval: Interval | null;
}

/** One load on one server, or on both. */
export interface LoadRow extends Partial<Readonly<Record<ServeSide, LoadFigures>>> {
  readonly load: string;
  /** null for an open loop, and `rate` for a closed one. */
  readonly clients: number | null;
  readonly rate: number | null;
  /** Requests per second of the server / of the peer; null without a peer, and so are the other ratios. */
  readonly ratio_rps: number | null;
  readonly ratio_rps_interval: Interval | null;
  /** p50 of the peer's TTFT / of the server's. */
  readonly ratio_ttft_p50: number | null;
  readonly ratio_ttft_p50_interval: Interval | null;
  readonly ratio_ttft_p95: number | null;
  readonly ratio_ttft_p95_interval: Interval | null;
}

/** A second question about a picture. */
export interface SecondQuestionFigures {
  /** Pictures that were asked about twice by all servers, without a failure. */
  readonly pictures: number;
  /** Median TTFT of the second question, by server. */
  readonly ttft_ms_p50: Partial<Readonly<Record<ServeSide, number>>>;
  /** Median TTFT of the first question / of the second, by server. */
  readonly gain_over_first: Partial<Readonly<Record<ServeSide, number>>>;
  /** Median share of the second prompt's tokens that did not have to be computed, by server; absent where it does not tell. */
  readonly cached_share_p50: Partial<Readonly<Record<ServeSide, number>>>;
  /** Geometric mean over the pictures of the peer's TTFT / the server's; null without a peer. */
  readonly ratio: number | null;
  readonly interval: Interval | null;
}

export interface ServeFigures {
  readonly loads: readonly LoadRow[];
  /** `prefix_broken` is `text_first` and `evicted` together; null where nothing was asked twice. */
  readonly second_question: Readonly<Record<SecondQuestion | 'prefix_broken', SecondQuestionFigures>> | null;
  /** Longest gap between two texts of a stream while new pictures came, by server; absent where the stream ended before them. */
  readonly stall_ms_max: Partial<Readonly<Record<ServeSide, number>>>;
  /** Median of what the client waited less what the server says it took inside (`timings.total_ms`), one client; null where it is not told. */
  readonly overhead_ms_p50: number | null;
  /** Median over the pictures of latency over HTTP − latency of the same request in this process; null where that was not measured. */
  readonly overhead_in_process_ms_p50: number | null;
}

const isAnswer = (outcome: ServeAnswer | EdgeVlmError): outcome is ServeAnswer => !(outcome instanceof EdgeVlmError);

/** All figures of a scenario. @param seed of the bootstraps */
export function serveFigures({ blocks, askedTwice, stalls, overhead }: ServeResult, seed: number): ServeFigures {
  const loads = [...new Map(blocks.map(({ load }) => [loadName(load), load])).values()];
  const alone = blocks.flatMap(({ side, load, outcomes }) =>
    side === 'server' && load.kind === 'clients' && load.clients === 1 ? outcomes.filter(isAnswer) : [],
  );
  const inside = alone.flatMap(({ latency_ms, server_ms }) => (server_ms === null ? [] : [latency_ms - server_ms]));
  return {
    loads: loads.map((load) => loadRow(load, blocks, seed)),
    second_question:
      askedTwice.length === 0
        ? null
        : {
            warm: secondQuestion(askedTwice, ['warm'], seed),
            text_first: secondQuestion(askedTwice, ['text_first'], seed),
            evicted: secondQuestion(askedTwice, ['evicted'], seed),
            prefix_broken: secondQuestion(askedTwice, ['text_first', 'evicted'], seed),
          },
    stall_ms_max: Object.fromEntries(
      stalls.flatMap(({ side, gaps_ms }) => (gaps_ms === null || gaps_ms.length === 0 ? [] : [[side, Math.max(...gaps_ms)]])),
    ),
    overhead_ms_p50: medianOrNull(inside),
    overhead_in_process_ms_p50: medianOrNull(overhead.map(({ http_ms, inProcess_ms }) => http_ms - inProcess_ms)),
  };
}

function loadRow(load: ServeLoad, blocks: readonly ServeBlock[], seed: number): LoadRow {
  const name = loadName(load);
  const of = (side: ServeSide): ServeBlock[] => blocks.filter((block) => block.side === side && loadName(block.load) === name);
  const [server, peer] = [of('server'), of('peer')];
  const rps = ratioOf(server, peer, answersPerSecond, seed);
  const [ours, theirs] = [server, peer].map((side) =>
    side.flatMap(({ outcomes }) => outcomes.filter(isAnswer).map(({ ttft_ms }) => ttft_ms)),
  );
  const ttft = (p: number): Ratio | null => ratioOf(theirs ?? [], ours ?? [], (values) => percentileOf(values, p), seed);
  const [p50, p95] = [ttft(0.5), ttft(0.95)];
  return {
    load: name,
    clients: load.kind === 'clients' ? load.clients : null,
    rate: load.kind === 'rate' ? load.rate : null,
    ...Object.fromEntries(SERVE_SIDES.flatMap((side) => (of(side).length === 0 ? [] : [[side, figuresOf(of(side))]]))),
    ratio_rps: rps?.ratio ?? null,
    ratio_rps_interval: rps?.interval ?? null,
    ratio_ttft_p50: p50?.ratio ?? null,
    ratio_ttft_p50_interval: p50?.interval ?? null,
    ratio_ttft_p95: p95?.ratio ?? null,
    ratio_ttft_p95_interval: p95?.interval ?? null,
  };
}

function figuresOf(blocks: readonly ServeBlock[]): LoadFigures {
  const outcomes = blocks.flatMap((block) => block.outcomes);
  const answers = outcomes.filter(isAnswer);
  const seconds = blocks.reduce((sum, { duration_ms }) => sum + duration_ms / 1000, 0);
  const errors: Record<string, number> = {};
  for (const outcome of outcomes) {
    if (isAnswer(outcome)) continue;
    const kind = failureKind(outcome);
    errors[kind] = (errors[kind] ?? 0) + 1;
  }
  return {
    requests: outcomes.length,
    answered: answers.length,
    requests_per_second: answersPerSecond(blocks),
    tokens_per_second: answers.reduce((sum, { completionTokens }) => sum + completionTokens, 0) / seconds,
    ttft_ms: percentilesOf(answers.map(({ ttft_ms }) => ttft_ms)),
    tpot_ms: percentilesOf(answers.flatMap(({ tpot_ms }) => tpot_ms ?? [])),
    latency_ms: percentilesOf(answers.map(({ latency_ms }) => latency_ms)),
    errors,
  };
}

/** The error's code, and the HTTP status where its message tells one. */
export function failureKind({ code, message }: EdgeVlmError): string {
  const status = /answers (\d{3})\b/.exec(message)?.[1];
  return status === undefined ? code : `${code} ${status}`;
}

function answersPerSecond(blocks: readonly ServeBlock[]): number {
  const answers = blocks.reduce((sum, { outcomes }) => sum + outcomes.filter(isAnswer).length, 0);
  return (1000 * answers) / blocks.reduce((sum, { duration_ms }) => sum + duration_ms, 0);
}

function secondQuestion(asked: ServeResult['askedTwice'], kinds: readonly SecondQuestion[], seed: number): SecondQuestionFigures {
  const sides = SERVE_SIDES.filter((side) => asked.some((one) => one.side === side));
  const keys = SECOND_QUESTIONS.filter((kind) => kinds.includes(kind)).flatMap((kind) =>
    [...new Set(asked.filter((one) => one.kind === kind).map(({ index }) => index))].map((index) => ({ kind, index })),
  );
  // A picture counts where everybody answered both questions.
  const complete = keys.flatMap(({ kind, index }) => {
    const pairs = sides.map((side) => {
      const found = asked.find((one) => one.side === side && one.kind === kind && one.index === index);
      return found === undefined || !isAnswer(found.first) || !isAnswer(found.second)
        ? undefined
        : { side, first_ms: found.first.ttft_ms, second_ms: found.second.ttft_ms, cached: cachedShare(found.second) };
    });
    return pairs.includes(undefined) ? [] : [pairs.flatMap((pair) => pair ?? [])];
  });
  const list = (side: ServeSide, time: 'first_ms' | 'second_ms'): number[] =>
    complete.flatMap((pairs) => pairs.filter((pair) => pair.side === side).map((pair) => pair[time]));
  const bySide = (figure: (side: ServeSide) => number): Partial<Record<ServeSide, number>> =>
    complete.length === 0 ? {} : Object.fromEntries(sides.map((side) => [side, figure(side)]));
  const shares = (side: ServeSide): number[] =>
    complete.flatMap((pairs) => pairs.filter((pair) => pair.side === side).flatMap(({ cached }) => cached ?? []));
  const compared = compareSamples(list('peer', 'second_ms'), list('server', 'second_ms'), { better: 'lower', paired: true, seed });
  return {
    pictures: complete.length,
    ttft_ms_p50: bySide((side) => median(list(side, 'second_ms'))),
    gain_over_first: bySide((side) => median(list(side, 'first_ms')) / median(list(side, 'second_ms'))),
    cached_share_p50: Object.fromEntries(sides.flatMap((side) => (shares(side).length === 0 ? [] : [[side, median(shares(side))]]))),
    ratio: compared?.gain ?? null,
    interval: compared === undefined || compared.n < 2 ? null : compared.interval,
  };
}

/** null where the server does not tell. */
function cachedShare({ cachedTokens, promptTokens }: ServeAnswer): number | null {
  return cachedTokens === null || promptTokens === null || promptTokens === 0 ? null : cachedTokens / promptTokens;
}

function ratioOf<Item>(a: readonly Item[], b: readonly Item[], statistic: (items: readonly Item[]) => number, seed: number): Ratio | null {
  if (a.length === 0 || b.length === 0) return null;
  const ratio = statistic(a) / statistic(b);
  return Number.isFinite(ratio) ? { ratio, interval: bootstrapRatio(a, b, statistic, { seed }) } : null;
}

function percentilesOf(values: readonly number[]): TimePercentiles {
  if (values.length === 0) return null;
  const sorted = ascending(values);
  return { p50: percentile(sorted, 0.5), p95: percentile(sorted, 0.95), p99: percentile(sorted, 0.99) };
}

function percentileOf(values: readonly number[], p: number): number {
  return percentile(ascending(values), p).value;
}

function ascending(values: readonly number[]): number[] {
  return values.toSorted((a, b) => a - b);
}

function medianOrNull(values: readonly number[]): number | null {
  return values.length === 0 ? null : median(values);
}
