import { describe, expect, it } from 'vitest';
import type { Settings } from '../../config/config-keys.js';
import { chooseOptimizations, type ModelFacts, type OptimizationRequest, type Optimizations } from './choose-optimizations.js';

/** 24 layers, a kibibyte of cache for a token, four times as little where it is compressed. */
const FACTS: ModelFacts = {
  layers: 24,
  trainedContext: 2048,
  cacheBytes: (context, { cache }, draft) => context * (cache?.endsWith('gear') ? 250 : 1000) + (draft === undefined ? 0 : 1000 * context),
  defaultDraft: { draft: 'little.gguf', view: 'image-tokens' },
};
const choose = (settings: Settings, request: Partial<OptimizationRequest> = {}): Promise<Optimizations> =>
  chooseOptimizations({ settings, flags: {}, facts: FACTS, sourceOf: (key) => key, ...request });
const warned = (text: string): string => expect.stringContaining(text) as string;

const SPECULATION: Settings = { 'optimizations.speculative_decoding.enabled': true };
const EXIT: Settings = { 'optimizations.early_exit.enabled': true };

describe('decoding', () => {
  it('is left alone where nothing is said', async () => {
    expect(await choose({})).toEqual({ options: {}, warnings: [] });
  });

  it('is plain where everything is off', async () => {
    const settings = { 'optimizations.speculative_decoding.enabled': false, 'optimizations.early_exit.enabled': false };
    expect(await choose(settings)).toEqual({ options: { decoding: 'plain' }, warnings: [] });
  });

  it('speculates with the draft that is named, else with that of the model, else with the text itself', async () => {
    const named: Settings = { ...SPECULATION, 'optimizations.speculative_decoding.draft_model': 'mine.gguf' };
    expect(await choose(named)).toEqual({ options: { decoding: 'speculative', draft: 'mine.gguf' }, warnings: [] });
    const own = { decoding: 'speculative', draft: 'little.gguf', draftView: 'image-tokens' };
    expect(await choose(SPECULATION)).toEqual({ options: own, warnings: [] });
    const without = await choose(SPECULATION, { facts: { ...FACTS, defaultDraft: undefined } });
    expect(without).toEqual({ options: { decoding: 'ngram' }, warnings: [warned('ngram')] });
  });

  it('leaves early after the layers that the model has, and says which it has not', async () => {
    expect(await choose({ ...EXIT, 'optimizations.early_exit.exit_layers': [24, 16, 8, 30] })).toEqual({
      options: { decoding: 'early-exit', exitLayers: [8, 16] },
      warnings: [warned('no token leaves after 24, 30; tokens may leave after 8, 16')],
    });
    const none = await choose({ ...EXIT, 'optimizations.early_exit.exit_layers': [24] });
    expect(none).toEqual({ options: { decoding: 'plain' }, warnings: [warned('early exit is off')] });
  });

  it('does not leave early while it speculates, and says so', async () => {
    const { options, warnings } = await choose({ ...SPECULATION, ...EXIT });
    expect([options.decoding, warnings]).toEqual(['speculative', [warned('verified by all layers')]]);
  });

  it('is what flags say; of the config only parameters are taken', async () => {
    const settings: Settings = { ...SPECULATION, ...EXIT, 'optimizations.early_exit.exit_layers': [8] };
    expect(await choose(settings, { flags: { decoding: 'early-exit' } })).toEqual({ options: { exitLayers: [8] }, warnings: [] });
    const mine = await choose(SPECULATION, { flags: { draft: 'flag.gguf' } });
    expect(mine).toEqual({ options: { decoding: 'speculative' }, warnings: [] });
    expect((await choose(settings, { flags: { exitLayers: [3] } })).options).not.toHaveProperty('exitLayers');
  });
});

describe('the cache', () => {
  it.each<[gear: boolean | undefined, pyramid: boolean | undefined, cache: string | undefined]>([
    [undefined, undefined, undefined],
    [false, undefined, 'full'],
    [true, false, 'gear'],
    [undefined, true, 'pyramidkv'],
    [true, true, 'pyramidkv+gear'],
  ])('with GEAR %s and PyramidKV %s is %s', async (gear, pyramid, cache) => {
    const settings: Settings = {
      ...(gear !== undefined && { 'optimizations.kv_cache_compression.gear_enabled': gear }),
      ...(pyramid !== undefined && { 'optimizations.kv_cache_compression.pyramid_enabled': pyramid }),
    };
    expect((await choose(settings)).options.cache).toBe(cache);
    expect((await choose(settings, { flags: { cache: 'hadamard' } })).options).toEqual({});
  });

  it('keeps to its bound by shortening the context', async () => {
    const bound: Settings = { max_cache_size_mb: 1 };
    expect(await choose(bound)).toEqual({ options: { context: 1000, cacheRam: 0 }, warnings: [warned('1 MB hold 1000 tokens')] });
    expect(await choose({ ...bound, ...SPECULATION })).toMatchObject({ options: { context: 500 } });
    expect(await choose({ ...bound, 'optimizations.kv_cache_compression.gear_enabled': true })).toEqual({
      options: { cache: 'gear' },
      warnings: [],
    });
    expect(await choose({ max_cache_size_mb: 9 })).toEqual({ options: {}, warnings: [] });
    expect(await choose({ ...bound, 'optimizations.kv_cache_compression.max_cache_size_mb': 2 })).toMatchObject({
      options: { context: 1000 },
    });
    // A flag asks for a context, the bound holds.
    expect(await choose(bound, { flags: { context: 2000 } })).toMatchObject({ options: { context: 1000 } });
    expect(await choose(bound, { flags: { context: 100 } })).toEqual({ options: {}, warnings: [] });
  });

  it('leaves what its bound has left for prompts that have to leave it, unless somebody says how much', async () => {
    expect((await choose({ max_cache_size_mb: 3 })).options).toEqual({ cacheRam: 0 });
    expect((await choose({ max_cache_size_mb: 4 })).options).toEqual({ cacheRam: 1 });
    expect((await choose({ max_cache_size_mb: 4, cache_ram_mb: 7 })).options).toEqual({ cacheRam: 7 });
    expect((await choose({ max_cache_size_mb: 4 }, { flags: { cacheRam: 8 } })).options).toEqual({});
  });

  it('that holds nothing is refused', async () => {
    const facts = { ...FACTS, cacheBytes: (context: number) => context * 2 ** 30 };
    await expect(choose({ max_cache_size_mb: 1 }, { facts })).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
  });
});

describe('the context', () => {
  it('is not longer than what the model was trained with', async () => {
    expect(await choose({ 'inference.context_length': 100 })).toEqual({ options: { context: 100 }, warnings: [] });
    const long = await choose({ 'inference.context_length': 9999 });
    expect(long).toEqual({ options: { context: 2048 }, warnings: [warned('trained with 2048 tokens')] });
    // The engine warns of what a flag asks.
    expect(await choose({}, { flags: { context: 9999 } })).toEqual({ options: {}, warnings: [] });
  });

  it('is left to the engine where the model is not known', async () => {
    const settings: Settings = { 'inference.context_length': 9999, max_cache_size_mb: 1, ...EXIT };
    expect(await choose(settings, { facts: null })).toEqual({ options: { context: 9999, decoding: 'early-exit' }, warnings: [] });
  });
});
