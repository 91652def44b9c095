// `npx tsx scripts/true-size/measure-caches.ts --model FILE --caches full,pyramidkv:0.4 [--context 1984] [--json FILE]`: what a token takes
// behind a long prompt over each cache, in turns of a few tokens. Each cache reads the prompt once, so most of the time is prefill.
// docs/KV_CACHE.md says what came of it. Use an idle machine.
import path from 'node:path';
import { parseArgs } from 'node:util';
import { Engine } from '../../src/engine/engine.js';
import type { EngineEvent } from '../../src/engine/engine-task.js';
import { parseCacheSpec } from '../../src/cli/options/cache-spec.js';
import { writeResults } from '../../src/cli/commands/write-results.js';
import { spreadOf, spreadWords } from './spread.js';

const { values } = parseArgs({
  options: {
    model: { type: 'string' },
    caches: { type: 'string', default: 'full,pyramidkv:0.4' },
    context: { type: 'string', default: '1900' },
    threads: { type: 'string', default: '2' },
    rounds: { type: 'string', default: '7' },
    tokens: { type: 'string', default: '16' },
    json: { type: 'string' },
  },
});
const [context, threads, rounds, tokens] = [values.context, values.threads, values.rounds, values.tokens].map(Number) as [
  number,
  number,
  number,
  number,
];
const { model } = values;
if (model === undefined) throw new Error('name --model');

/** One answer that is read a few tokens at a time. */
interface Reader {
  readonly cache: string;
  readonly events: AsyncGenerator<EngineEvent, void, void>;
  readonly prefill_ms: number;
  readonly msPerToken: number[];
}

/** Words of a synthetic vocabulary, none twice in a row. */
const prompt = Int32Array.from({ length: context }, (_, i) => 354 + ((7919 * i) % 30_000));
const file = model;
const engines: Engine[] = [];
const readers: Reader[] = [];
for (const cache of values.caches.split(',')) {
  const engine = await Engine.load({ model: file, threads, context: context + tokens * (rounds + 1) + 8, cache: parseCacheSpec(cache) });
  engines.push(engine);
  const events = engine.generate({
    prompt: [{ type: 'tokens', tokens: prompt }],
    maxTokens: tokens * (rounds + 1) + 1,
    reuse: false,
    isEnd: () => false,
  });
  const begin = performance.now();
  await events.next();
  readers.push({ cache, events, prefill_ms: performance.now() - begin, msPerToken: [] });
}
// The first turn builds graphs.
for (let round = -1; round < rounds; round++) {
  for (const reader of round % 2 === 0 ? readers : readers.toReversed()) {
    const begin = performance.now();
    for (let i = 0; i < tokens; i++) await reader.events.next();
    if (round >= 0) reader.msPerToken.push((performance.now() - begin) / tokens);
  }
}
const [reference] = readers;
const results: object[] = [];
for (const reader of readers) {
  let cacheBytes = 0;
  for (let next = await reader.events.next(); next.done !== true; next = await reader.events.next()) {
    if (next.value.type === 'done') ({ cacheBytes } = next.value.result);
  }
  const { cache, prefill_ms, msPerToken } = reader;
  const speedup = spreadOf(msPerToken.map((ms, i) => (reference?.msPerToken[i] ?? NaN) / ms));
  const result = { cache, prefill_ms, ms_per_token: spreadOf(msPerToken), speedup, cache_bytes: cacheBytes };
  console.log(
    `${cache} | ${spreadWords(result.ms_per_token)} ms a token | ${spreadWords(speedup)}× the first's speed | ${(cacheBytes / 2 ** 20).toFixed(1)} MiB | prefill ${(prefill_ms / 1000).toFixed(1)} s`,
  );
  results.push(result);
}
for (const engine of engines) engine[Symbol.dispose]();
if (values.json !== undefined) await writeResults(values.json, { model: path.basename(file), context, threads, rounds, tokens, results });
