import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { Engine } from '../../engine/engine.js';
import { planModel } from '../../engine/plan-model.js';
import { planMemory } from './plan-memory.js';

const inBox = (name: string): string => fileURLToPath(new URL(`../../../models/shapes/${name}`, import.meta.url));
const FILES = { model: inBox('shapes-f16.gguf'), mmproj: inBox('mmproj-shapes-f16.gguf') };

it('what is planned from the headers is what the engine then takes', async () => {
  const options = { ...FILES, context: 2048, draft: { model: inBox('shapes-draft-f16.gguf') } };
  const { neededBytes, cacheRamBytes } = await planModel(options);
  using engine = await Engine.load({ ...options, threads: 1 });
  const { weightBytes, cacheBytes } = engine.description;
  // Buffers are rounded up a little.
  expect((weightBytes + cacheBytes) / (neededBytes + cacheRamBytes)).toBeCloseTo(1, 2);
});

it('a longer context takes more, as much for an engine as for llama-server', async () => {
  for (const runtime of ['engine', 'llama-server'] as const) {
    const [short, long] = await Promise.all([512, 1024].map((context) => planMemory(runtime, { ...FILES, context, cacheRamBytes: 0 })));
    // As many tokens more as the cache of the short one holds.
    expect((long ?? 0) - (short ?? 0)).toBe((await planModel({ ...FILES, context: 512 })).cacheBytes);
  }
  expect(await planMemory('python', FILES)).toBeNull();
});
