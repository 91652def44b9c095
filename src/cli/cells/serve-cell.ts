import { type Static, Type } from 'typebox';
import { Value } from 'typebox/value';
import type { CellRunner } from '../../bench/plans/cell-runner.js';
import { loadName, type ServeLoad } from '../../bench/scenarios/serve/serve-target.js';
import { sha256Json } from '../../core/canonical-json.js';
import { EdgeVlmError } from '../../core/errors.js';
import type { Settings } from '../../core/run-record.js';
import { measureServe } from '../bench-serve/measure-serve.js';
import { SERVE_DEFAULTS, type ServeRequest } from '../bench-serve/serve-request.js';

const count = (minimum: number, maximum: number) => Type.Optional(Type.Integer({ minimum, maximum }));
const text = () => Type.Optional(Type.String({ minLength: 1 }));

/** What `bench serve` measures, by the names of its options; what is absent takes their default. One load for each cell. */
const ServeCellSettings = Type.Object(
  {
    url: Type.String({ minLength: 1 }),
    peer_url: text(),
    clients: count(1, 1024),
    rate: Type.Optional(Type.Number({ exclusiveMinimum: 0, maximum: 10_000 })),
    requests: count(1, 1_000_000),
    rounds: count(1, 1000),
    warmup: count(1, 1000),
    max_tokens: count(1, 65_536),
    pictures: text(),
    side: count(32, 4096),
    second_questions: count(0, 10_000),
    evict_with: count(0, 10_000),
    stall_pictures: count(0, 10_000),
    stall_tokens: count(2, 65_536),
    timeout_s: count(1, 86_400),
    seed: count(0, 0xffffffff),
  },
  { additionalProperties: false },
);
type ServeCellSettings = Static<typeof ServeCellSettings>;

/** Load on a server as a cell of a plan. A server is known by its address alone: nobody knows which files it serves. */
export const serveCell: CellRunner = {
  settings: ServeCellSettings,

  identify(settings) {
    const { urls, loads } = requestOf(settings);
    return Promise.resolve({ servers: sha256Json([urls, loads.map(loadName)]) });
  },

  async run(settings, { signal, onProgress }) {
    const { result, measurement } = await measureServe(requestOf(settings), { onProgress, signal });
    if (result.partial) throw new EdgeVlmError('CANCELLED', `stopped after ${result.blocks.length} loads`);
    return measurement;
  },
};

/** The plan has checked them. */
function requestOf(settings: Settings): ServeRequest {
  const cell: ServeCellSettings = Value.Parse(ServeCellSettings, settings);
  const { url, peer_url, clients, rate, pictures, timeout_s } = cell;
  const loads: ServeLoad[] = [
    ...(clients === undefined && rate !== undefined ? [] : [{ kind: 'clients', clients: clients ?? 1 } as const]),
    ...(rate === undefined ? [] : [{ kind: 'rate', rate } as const]),
  ];
  return {
    ...SERVE_DEFAULTS,
    urls: peer_url === undefined ? [url] : [url, peer_url],
    loads,
    requests: cell.requests ?? SERVE_DEFAULTS.requests,
    rounds: cell.rounds ?? SERVE_DEFAULTS.rounds,
    warmup: cell.warmup ?? SERVE_DEFAULTS.warmup,
    maxTokens: cell.max_tokens ?? SERVE_DEFAULTS.maxTokens,
    side: cell.side ?? SERVE_DEFAULTS.side,
    secondQuestions: cell.second_questions ?? SERVE_DEFAULTS.secondQuestions,
    evictWith: cell.evict_with ?? SERVE_DEFAULTS.evictWith,
    stallPictures: cell.stall_pictures ?? SERVE_DEFAULTS.stallPictures,
    stallTokens: cell.stall_tokens ?? SERVE_DEFAULTS.stallTokens,
    timeout_ms: timeout_s === undefined ? SERVE_DEFAULTS.timeout_ms : 1000 * timeout_s,
    seed: cell.seed ?? SERVE_DEFAULTS.seed,
    ...(pictures !== undefined && { pictures }),
  };
}
