import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { DecodingOptions } from '../../src/core/decoding.js';
import { KV_CACHE_POLICIES } from '../../src/engine/kv-cache/registry.js';
import type { TextEngine } from '../../src/runtimes/engine/text-engine.js';
import { ask, loadShapes } from './support/ask.js';
import { shapesPrompts } from './support/shapes-prompts.js';

const GUESSING: readonly DecodingOptions[] = [
  { strategy: 'ngram', ngramMin: 1 },
  { strategy: 'self-speculative', draftLayers: 1 },
  { strategy: 'self-speculative', draftLayers: 3 },
];
/** A policy that compresses in blocks may do so a few tokens earlier where some were guessed: that much may differ. */
const AGREEMENT = 0.9;
const TIMEOUT = 300_000;

describe.each(KV_CACHE_POLICIES)('over the cache policy %s', (policy) => {
  let engine: TextEngine;
  let prompts: Awaited<ReturnType<typeof shapesPrompts>> = [];
  beforeAll(async () => {
    engine = await loadShapes({ cache: { policy } });
    prompts = (await shapesPrompts(engine, { scenes: 3, albums: 1 })).slice(3);
  }, TIMEOUT);
  afterAll(() => {
    engine[Symbol.dispose]();
  });

  test(
    'guesses are taken back, and answers are those of plain decoding over it',
    async () => {
      let [same, answers, rejected] = [0, 0, 0];
      for (const messages of prompts) {
        const plain = await ask(engine, messages, { decoding: { strategy: 'plain' }, reuse: false });
        for (const decoding of GUESSING) {
          const guessed = await ask(engine, messages, { decoding: { ...decoding, adaptive: false }, reuse: false });
          rejected += (guessed.decoding?.drafted ?? 0) - (guessed.decoding?.accepted ?? 0);
          same += Number(guessed.text === plain.text);
          answers++;
        }
      }
      expect(rejected).toBeGreaterThan(50);
      expect(same / answers).toBeGreaterThanOrEqual(AGREEMENT);
    },
    TIMEOUT,
  );

  test(
    'tokens may leave early',
    async () => {
      const [messages = []] = prompts.slice(-1);
      const { decoding, text } = await ask(engine, messages, { decoding: { strategy: 'early-exit', exitLayers: [4], exitThreshold: 0.5 } });
      expect(decoding?.exits[4]).toBeGreaterThan(0);
      expect(text).not.toBe('');
      // What it left is no harm to others.
      const [cold, after] = [await ask(engine, messages, { reuse: false }), await ask(engine, messages, { reuse: false })];
      expect(after.text).toBe(cold.text);
    },
    TIMEOUT,
  );
});
