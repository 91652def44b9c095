import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { findModel } from '../../src/catalogue/find-model.js';
import { parseCacheSpec } from '../../src/cli/options/cache-spec.js';
import type { ImagePreprocessing, PreparedImage } from '../../src/core/image.js';
import { smallFastCounter } from '../../src/core/small-fast-counter.js';
import { EngineGenerator } from '../../src/runtimes/engine/engine-generator.js';
import type { EngineLoadOptions } from '../../src/runtimes/engine/engine-protocol.js';
import { preprocessImage } from '../../src/vision/prepare-image.js';
import { memoryGrowth, type MemoryReading } from '../server/support/memory-growth.js';
import { readAnonymousBytes } from '../server/support/read-anonymous-bytes.js';
import { user } from './support/ask.js';

/** CI shows some policies so many pictures; `EDGEVLM_SOAK_POLICIES=5000` is the proof, of all. */
const PICTURES = Number(process.env['EDGEVLM_SOAK_POLICIES'] ?? 50);
const PROOF = 5000;
/** Image tokens of some 60 pictures: the cache is full early. */
const IMAGE_CACHE_BYTES = 512 * 1024;
/** Keys and values of some ten of them. */
const CACHE_RAM_BYTES = 2_500_000;
/** Caches are full and code is compiled from here on. */
const WARM = PICTURES >= PROOF ? 1000 : Math.floor(0.3 * PICTURES);
const READINGS = 100;
/** Few pictures say little of a slope: code is still being compiled. */
const BOUND = PICTURES >= PROOF ? 0.03 : 0.25;
const SIDE = 96;
const CACHES = ['full', 'gear:4', 'pyramidkv+hadamard:20:q4_0'];
const OTHER_CACHES = [
  ...['full:q8_0', 'hadamard:q8_0', 'hadamard:q4_0', 'gear:2', 'pyramidkv:20', 'pyramidkv:20:text', 'pyramidkv+gear:100'],
];
const PRUNED = ['diversity', 'pooling', 'random'] as const;
type Policy = readonly [name: string, options: Partial<EngineLoadOptions>];
const POLICIES = [
  ...(PICTURES >= PROOF ? [...CACHES, ...OTHER_CACHES] : CACHES).map((spec): Policy => [spec, { cache: parseCacheSpec(spec) }]),
  ...(PICTURES >= PROOF ? PRUNED : PRUNED.slice(0, 1)).map((method): Policy => [
    `6 image tokens, ${method}`,
    { imagePruning: { keep: 6, method } },
  ]),
];

/** No two are alike. */
async function noise(index: number, vision: ImagePreprocessing): Promise<PreparedImage> {
  const next = smallFastCounter(index);
  const rgb = Uint8Array.from({ length: 3 * SIDE * SIDE }, () => next() & 0xff);
  return preprocessImage({ width: SIDE, height: SIDE, rgb, hash: createHash('sha256').update(rgb).digest('hex') }, vision);
}

/** GEAR compresses a chunk when more than 96 tokens are there: these are 107 with the picture. */
const question = (policy: string): string => 'Describe the picture. '.repeat(policy.includes('gear') ? 20 : 1);
const PRELOADED = `--import ${new URL('children/collect-on-signal.ts', import.meta.url).href}`;

afterEach(() => {
  vi.unstubAllEnvs();
});

/** What the engine holds: not what V8 has yet to collect, nor the room that it keeps for it. */
async function heldBytes(pid: number): Promise<number> {
  const collected = once(process, 'SIGUSR2');
  process.kill(pid, 'SIGUSR2');
  await collected;
  return readAnonymousBytes(pid);
}

describe.runIf(process.platform === 'linux')('memory of the engine stays as it is, whatever it keeps of', () => {
  test.each(POLICIES)(
    '%s',
    async (name, options) => {
      const files = await findModel({ model: 'shapes' });
      vi.stubEnv('NODE_OPTIONS', `${process.env['NODE_OPTIONS'] ?? ''} ${PRELOADED}`);
      const engine = await EngineGenerator.start(
        { ...files, threads: 1, imageCacheBytes: IMAGE_CACHE_BYTES, cacheRamBytes: CACHE_RAM_BYTES, ...options },
        { signal: new AbortController().signal },
      );
      try {
        const { pid, description } = engine;
        const { vision } = description;
        if (pid === undefined || vision === null) throw new Error('the engine has no process, or no vision half');
        const readings: MemoryReading[] = [];
        let highest = 0;
        const every = Math.max(1, Math.floor((PICTURES - WARM) / READINGS));
        for (let at = 0; at < PICTURES; at++) {
          const messages = [user(question(name), await noise(at, vision))];
          let answers = 0;
          for await (const event of engine.generate({ input: { messages }, maxTokens: 8 })) answers += Number(event.type === 'done');
          expect(answers).toBe(1);
          if (at < WARM || at % every !== 0) continue;
          highest = Math.max(highest, await readAnonymousBytes(pid));
          readings.push({ at, bytes: await heldBytes(pid) });
        }
        const growth = memoryGrowth(readings);
        if (PICTURES >= PROOF)
          process.stdout.write(`${JSON.stringify({ name, pictures: PICTURES, growth, bytes: readings.at(-1)?.bytes, highest })}\n`);
        expect(growth).toBeLessThan(BOUND);
      } finally {
        await engine.close();
      }
    },
    7_200_000,
  );
});
