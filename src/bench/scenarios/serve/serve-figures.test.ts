import { expect, it } from 'vitest';
import { EdgeVlmError } from '../../../core/errors.js';
import type { ServeAnswer } from './measure-answer.js';
import { serveFigures } from './serve-figures.js';
import type { ServeBlock, ServeResult } from './serve-scenario.js';
import type { ServeSide } from './serve-target.js';

const answer = (ttft_ms: number, more: Partial<ServeAnswer> = {}): ServeAnswer => ({
  ...{ ttft_ms, latency_ms: ttft_ms + 20, tpot_ms: 2, completionTokens: 11, promptTokens: 5, cachedTokens: 0 },
  ...{ server_ms: ttft_ms + 19, arrivals_ms: [] },
  ...more,
});
const block = (side: ServeSide, round: number, duration_ms: number, times_ms: readonly number[]): ServeBlock => ({
  ...{ side, round, duration_ms, load: { kind: 'clients', clients: 1 } },
  outcomes: times_ms.map((time_ms) => answer(time_ms)),
});
const NOTHING: ServeResult = { blocks: [], askedTwice: [], stalls: [], overhead: [], partial: false };

it('says how many times as good the server is: answers over time of all rounds, and the p50 of the peer over its own', () => {
  const blocks = [
    ...[block('server', 0, 1000, [10, 20, 30]), block('peer', 0, 2000, [30, 60, 90])],
    ...[block('peer', 1, 4000, [30, 60, 90]), block('server', 1, 500, [10, 20, 30])],
  ];
  const { loads, overhead_ms_p50 } = serveFigures({ ...NOTHING, blocks }, 1);
  const [row] = loads;
  expect(row?.server?.requests_per_second).toBe(4);
  expect(row?.server?.tokens_per_second).toBe(44);
  expect(row?.peer?.requests_per_second).toBe(1);
  expect(row?.ratio_rps).toBe(4);
  expect(row?.ratio_ttft_p50).toBe(3);
  expect(row?.ratio_ttft_p95).toBe(3);
  const [low = NaN, high = NaN] = row?.ratio_ttft_p50_interval ?? [];
  expect(low).toBeLessThanOrEqual(3);
  expect(high).toBeGreaterThanOrEqual(3);
  expect(overhead_ms_p50).toBe(1);
  // Of six answers no p99 is known.
  expect(row?.server?.ttft_ms?.p99.status).toBe('estimate');
});

it('compares second questions picture by picture, and leaves out what somebody did not answer', () => {
  const asked = (
    side: ServeSide,
    kind: 'warm' | 'evicted',
    index: number,
    second: ServeAnswer | EdgeVlmError,
  ): ServeResult['askedTwice'][number] => ({
    ...{ side, kind, index, second },
    first: answer(100),
  });
  const askedTwice = [
    ...[asked('server', 'warm', 0, answer(10)), asked('peer', 'warm', 0, answer(20))],
    ...[asked('server', 'warm', 1, answer(10)), asked('peer', 'warm', 1, answer(80))],
    ...[asked('server', 'warm', 2, answer(1)), asked('peer', 'warm', 2, new EdgeVlmError('SERVER_AWAY', 'gone'))],
    asked('server', 'evicted', 0, answer(50, { promptTokens: 10, cachedTokens: 4 })),
    asked('peer', 'evicted', 0, answer(25, { cachedTokens: null })),
  ];
  const { second_question } = serveFigures({ ...NOTHING, askedTwice }, 1);
  expect(second_question?.warm.pictures).toBe(2);
  // The geometric mean of 2 and 8.
  expect(second_question?.warm.ratio).toBeCloseTo(4, 9);
  expect(second_question?.warm.gain_over_first.server).toBe(10);
  expect(second_question?.evicted.ratio).toBeCloseTo(0.5, 9);
  expect(second_question?.evicted.cached_share_p50).toEqual({ server: 0.4 });
  expect(second_question?.warm.cached_share_p50).toEqual({ server: 0, peer: 0 });
  expect(second_question?.prefix_broken.pictures).toBe(1);
  expect(second_question?.text_first).toMatchObject({ pictures: 0, ratio: null, ttft_ms_p50: {} });
});

it('has no ratio without a peer, and no overhead where the server does not tell its time', () => {
  const blocks = [
    { ...block('server', 0, 1000, []), outcomes: [answer(10, { server_ms: null }), new EdgeVlmError('ENGINE_TIMEOUT', 'late')] },
  ];
  const { loads, overhead_ms_p50, second_question } = serveFigures({ ...NOTHING, blocks }, 1);
  expect(loads[0]).toMatchObject({
    ratio_rps: null,
    ratio_ttft_p50: null,
    server: { requests: 2, answered: 1, errors: { ENGINE_TIMEOUT: 1 } },
  });
  expect(overhead_ms_p50).toBeNull();
  expect(second_question).toBeNull();
});

it('is what HTTP adds: the median of the differences', () => {
  const overhead = [3, 1, 2].map((more) => ({ http_ms: 100 + more, inProcess_ms: 100 }));
  expect(serveFigures({ ...NOTHING, overhead }, 1).overhead_in_process_ms_p50).toBe(2);
});
