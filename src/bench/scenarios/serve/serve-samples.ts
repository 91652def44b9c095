import { EdgeVlmError } from '../../../core/errors.js';
import type { Samples, Score } from '../../../core/run-record.js';
import { SECOND_QUESTIONS } from './ask-again.js';
import type { ServeAnswer } from './measure-answer.js';
import type { ServeFigures } from './serve-figures.js';
import type { ServeResult } from './serve-scenario.js';
import { loadName, SERVE_SIDES, type ServeSide } from './serve-target.js';

/** Raw samples by server and load, for example `server/clients_4/ttft_ms`, in the order they were asked for. */
export function serveSamples({ blocks, askedTwice, stalls, overhead }: ServeResult): Samples[] {
  const answersOf = (outcomes: readonly (ServeAnswer | EdgeVlmError)[]): ServeAnswer[] =>
    outcomes.flatMap((outcome) => (outcome instanceof EdgeVlmError ? [] : [outcome]));
  const list = (name: string, unit: string, values: readonly number[]): Samples => ({ name, unit, values: [...values], over: 'items' });
  const loads = [...new Set(blocks.map(({ load }) => loadName(load)))];
  const ofSide = (side: ServeSide): Samples[] => [
    ...loads.flatMap((load) => {
      const mine = blocks.filter((block) => block.side === side && loadName(block.load) === load);
      const answers = answersOf(mine.flatMap(({ outcomes }) => outcomes));
      const name = `${side}/${load}`;
      return [
        list(
          `${name}/ttft_ms`,
          'ms',
          answers.map(({ ttft_ms }) => ttft_ms),
        ),
        list(
          `${name}/tpot_ms`,
          'ms/token',
          answers.flatMap(({ tpot_ms }) => tpot_ms ?? []),
        ),
        list(
          `${name}/latency_ms`,
          'ms',
          answers.map(({ latency_ms }) => latency_ms),
        ),
        list(
          `${name}/server_ms`,
          'ms',
          answers.flatMap(({ server_ms }) => server_ms ?? []),
        ),
        list(
          `${name}/prompt_tokens`,
          'tokens',
          answers.flatMap(({ promptTokens }) => promptTokens ?? []),
        ),
        list(
          `${name}/completion_tokens`,
          'tokens',
          answers.map(({ completionTokens }) => completionTokens),
        ),
        // One for each round: repetitions.
        {
          name: `${name}/requests_per_second`,
          unit: '1/s',
          values: mine.map(({ outcomes, duration_ms }) => (1000 * answersOf(outcomes).length) / duration_ms),
        },
      ];
    }),
    ...SECOND_QUESTIONS.flatMap((kind) => {
      const mine = askedTwice.filter((one) => one.side === side && one.kind === kind);
      const name = `${side}/second_question/${kind}`;
      return [
        list(
          `${name}/first_ttft_ms`,
          'ms',
          answersOf(mine.map(({ first }) => first)).map(({ ttft_ms }) => ttft_ms),
        ),
        list(
          `${name}/ttft_ms`,
          'ms',
          answersOf(mine.map(({ second }) => second)).map(({ ttft_ms }) => ttft_ms),
        ),
      ];
    }),
    list(
      `${side}/stall/gap_ms`,
      'ms',
      stalls.flatMap((stall) => (stall.side === side ? (stall.gaps_ms ?? []) : [])),
    ),
  ];
  return [
    ...SERVE_SIDES.flatMap(ofSide),
    list(
      'server/overhead/http_ms',
      'ms',
      overhead.map(({ http_ms }) => http_ms),
    ),
    list(
      'server/overhead/in_process_ms',
      'ms',
      overhead.map(({ inProcess_ms }) => inProcess_ms),
    ),
  ].filter(({ values }) => values.length > 0);
}

/** What the servers are judged by, as scores: ratios with their intervals, overhead, stalls. */
export function serveScores({ loads, second_question, stall_ms_max, ...figures }: ServeFigures, result: ServeResult): Score[] {
  const score = (
    name: string,
    unit: string,
    value: number | null,
    n: number,
    interval: readonly [number, number] | null = null,
  ): Score[] =>
    value === null || n < 1
      ? []
      : [{ name, unit, value, n, interval: interval === null ? null : { low: interval[0], high: interval[1], level: 0.95 } }];
  return [
    ...loads.flatMap((row) => {
      const n = row.server?.answered ?? 0;
      return [
        ...SERVE_SIDES.flatMap((side) =>
          score(`${side}.${row.load}.requests_per_second`, '1/s', row[side]?.requests_per_second ?? null, row[side]?.answered ?? 0),
        ),
        ...score(`${row.load}.ratio_rps`, '×', row.ratio_rps, n, row.ratio_rps_interval),
        ...score(`${row.load}.ratio_ttft_p50`, '×', row.ratio_ttft_p50, n, row.ratio_ttft_p50_interval),
        ...score(`${row.load}.ratio_ttft_p95`, '×', row.ratio_ttft_p95, n, row.ratio_ttft_p95_interval),
      ];
    }),
    ...Object.entries(second_question ?? {}).flatMap(([kind, { ratio, pictures, interval }]) =>
      score(`second_question.${kind}`, '×', ratio, pictures, interval),
    ),
    ...SERVE_SIDES.flatMap((side) =>
      score(
        `${side}.stall_ms_max`,
        'ms',
        stall_ms_max[side] ?? null,
        result.stalls.find((stall) => stall.side === side)?.gaps_ms?.length ?? 0,
      ),
    ),
    ...score(
      'overhead_ms_p50',
      'ms',
      figures.overhead_ms_p50,
      result.blocks
        .filter(({ side, load }) => side === 'server' && load.kind === 'clients' && load.clients === 1)
        .reduce((sum, { outcomes }) => sum + outcomes.length, 0),
    ),
    ...score('overhead_in_process_ms_p50', 'ms', figures.overhead_in_process_ms_p50, result.overhead.length),
  ];
}
