import { describe, expect, test } from 'vitest';
import type { DecodingOptions } from '../../core/decoding.js';
import { resolveDecoding } from './resolve-decoding.js';

describe('decoding options', () => {
  test('of 24 layers the exits are those of the EdgeVLM configuration', () => {
    const { exitLayers, exitThreshold, draftTokens } = resolveDecoding({}, { layers: 24 });
    expect({ exitLayers, exitThreshold, draftTokens }).toEqual({ exitLayers: [8, 12, 16, 20], exitThreshold: 0.9, draftTokens: 4 });
  });

  test.each([1, 2, 3, 5, 8, 22, 80])('defaults make sense for %i layers', (layers) => {
    const { exitLayers, draftLayers } = resolveDecoding({ strategy: 'early-exit' }, { layers });
    expect(exitLayers).toEqual([...new Set(exitLayers)].sort((a, b) => a - b));
    expect(exitLayers.every((layer) => layer >= 1 && layer < layers)).toBe(true);
    expect(draftLayers).toBeGreaterThanOrEqual(1);
    if (layers > 1) expect(draftLayers).toBeLessThan(layers);
  });

  test('a bound of the n-grams moves the other', () => {
    expect(resolveDecoding({ ngramMax: 1 }, { layers: 4 })).toMatchObject({ ngramMin: 1, ngramMax: 1 });
    expect(resolveDecoding({ ngramMin: 7 }, { layers: 4 })).toMatchObject({ ngramMin: 7, ngramMax: 7 });
  });

  test.each<[what: string, options: DecodingOptions]>([
    ['an unknown strategy', { strategy: 'fast' as 'plain' }],
    ['an unknown gate', { exitGate: 'mood' as 'state' }],
    ['no guess', { draftTokens: 0 }],
    ['half a guess', { draftTokens: 1.5 }],
    ['too many guesses', { draftTokens: 65 }],
    ['n-grams that end before they begin', { ngramMin: 5, ngramMax: 4 }],
    ['all layers as a draft', { strategy: 'self-speculative', draftLayers: 8 }],
    ['exits that fall', { exitLayers: [4, 2] }],
    ['an exit twice', { exitLayers: [4, 4] }],
    ['an exit before the first layer', { exitLayers: [0, 4] }],
    ['a threshold above 1', { exitThreshold: 1.1 }],
    ['a threshold that is none', { exitThreshold: NaN }],
    ['thresholds for other exits', { exitLayers: [2, 4], exitThreshold: [0.5, 0.6, 0.7] }],
    ['a rising threshold', { exitDecay: -1 }],
  ])('%s is refused', (_, options) => {
    expect(() => resolveDecoding(options, { layers: 8 })).toThrow(expect.objectContaining({ code: 'USAGE' }) as Error);
  });
});
