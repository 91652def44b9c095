// `npx tsx scripts/stream-stall.ts --model FILE.gguf --mmproj FILE.gguf [--threads N] [--streams N] [--pictures N] [--prompt-tokens N] [--json]`:
// how long running streams wait for a token while pictures, then long prompts, come in, one after another; and what it costs a picture to be
// encoded in slices where nobody waits. Ends with 1 where a stream waited longer than 250 ms. Use a machine that is idle.
import { parseArgs } from 'node:util';
import { percentile } from '../src/core/percentiles.js';
import { median } from '../src/core/sample-summary.js';
import type { ImageTile } from '../src/core/image.js';
import { Engine } from '../src/engine/engine.js';
import type { PromptPiece } from '../src/engine/prompt.js';
import { pseudoRandomTokens } from '../src/runtimes/pseudo-random-tokens.js';

const GOAL_MS = 250;
/** As prompt-pictures.ts asks for. */
const SLICE_MS = 100;
const STREAM_PROMPT_TOKENS = 32;
const ENCODE_REPETITIONS = 5;
const BASELINE_MS = 3000;

const { values } = parseArgs({
  options: {
    model: { type: 'string', default: '' },
    mmproj: { type: 'string', default: '' },
    threads: { type: 'string', default: '2' },
    streams: { type: 'string', default: '2' },
    pictures: { type: 'string', default: '8' },
    'prompt-tokens': { type: 'string', default: '1000' },
    json: { type: 'boolean', default: false },
  },
});
const [threads, streams, pictures] = [Number(values.threads), Number(values.streams), Number(values.pictures)];
const promptTokens = Number(values['prompt-tokens']);

using engine = await Engine.load({ model: values.model, mmproj: values.mmproj, threads, context: (streams + 1) * 8192, keptSequences: 0 });
const { encoder } = engine;
if (encoder === null) throw new Error('--mmproj is missing');
const side = encoder.family.tower.shape.imageSize;

function tile(seed: number): ImageTile {
  return { width: side, height: side, rgb: Uint8Array.from(pseudoRandomTokens(3 * side * side, 256, seed)) };
}

function words(count: number, seed: number): PromptPiece {
  return { type: 'tokens', tokens: pseudoRandomTokens(count, engine.shape.vocabulary, seed) };
}

/** Time between tokens of every stream, while `meanwhile` runs. */
async function gapsWhile(meanwhile: () => Promise<void>): Promise<number[]> {
  const gaps: number[] = [];
  const stop = new AbortController();
  let measuring = false;
  let begun = 0;
  const stream = async (seed: number, onBegun: () => void): Promise<void> => {
    const task = { prompt: [words(STREAM_PROMPT_TOKENS, seed)], maxTokens: 7000, isEnd: () => false };
    let last: number | undefined;
    for await (const { type } of engine.generate(task, stop.signal)) {
      const now = performance.now();
      if (type === 'token' && measuring && last !== undefined) gaps.push(now - last);
      if (last === undefined) onBegun();
      last = now;
    }
  };
  let running: Promise<void>[] = [];
  await new Promise<void>((resolve) => {
    running = Array.from({ length: streams }, (_, i) =>
      stream(i + 1, () => {
        if (++begun === streams) resolve();
      }),
    );
  });
  measuring = true;
  await meanwhile();
  measuring = false;
  stop.abort();
  await Promise.all(running);
  return gaps;
}

/** First tokens of new requests, milliseconds after they were asked for. */
async function ask(prompts: readonly PromptPiece[][]): Promise<number[]> {
  const ttft: number[] = [];
  for (const prompt of prompts) {
    for await (const event of engine.generate({ prompt, maxTokens: 1, isEnd: () => false, reuse: false })) {
      if (event.type === 'done') ttft.push(event.result.timings.ttft_ms);
    }
  }
  return ttft;
}

function summary(gaps: readonly number[]): { tokens: number; median_ms: number; p99_ms: number; longest_ms: number } {
  return {
    tokens: gaps.length,
    median_ms: median(gaps),
    p99_ms: percentile(
      gaps.toSorted((a, b) => a - b),
      0.99,
    ).value,
    longest_ms: Math.max(...gaps),
  };
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

const inSlices = async (): Promise<void> => {
  const encoding = encoder.begin(tile(1));
  while ((await encoding.next(SLICE_MS)) === undefined);
};
const whole: number[] = [];
const sliced: number[] = [];
await inSlices();
for (let i = 0; i < ENCODE_REPETITIONS; i++) {
  whole.push(await timed(() => encoder.encode(tile(1))));
  sliced.push(await timed(inSlices));
}

const baseline = await gapsWhile(() => new Promise((resolve) => setTimeout(resolve, BASELINE_MS)));
let pictureTtft: number[] = [];
const besidePictures = await gapsWhile(async () => {
  pictureTtft = await ask(Array.from({ length: pictures }, (_, i) => [{ type: 'tile', tile: tile(100 + i) } as const, words(16, i)]));
});
let promptTtft: number[] = [];
const besidePrompts = await gapsWhile(async () => {
  promptTtft = await ask(Array.from({ length: pictures }, (_, i) => [words(promptTokens, 200 + i)]));
});

const result = {
  threads,
  streams,
  encode_ms: { whole: median(whole), in_slices: median(sliced) },
  alone: summary(baseline),
  beside_pictures: { ...summary(besidePictures), ttft_ms: median(pictureTtft) },
  beside_prompts: { ...summary(besidePrompts), ttft_ms: median(promptTtft) },
};
console.log(values.json ? JSON.stringify(result) : JSON.stringify(result, null, 2));
process.exitCode = Math.max(result.beside_pictures.longest_ms, result.beside_prompts.longest_ms) <= GOAL_MS ? 0 : 1;
