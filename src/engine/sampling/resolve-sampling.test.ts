import { describe, expect, test } from 'vitest';
import type { SamplingOptions } from '../../core/generator.js';
import { resolveSampling } from './resolve-sampling.js';

describe('sampling options', () => {
  test('have defaults that repeat: greedy, seed 0', () => {
    expect(resolveSampling()).toMatchObject({ temperature: 0, seed: 0, repeatPenalty: 1 });
    expect(resolveSampling({ temperature: 0.7 })).toMatchObject({ temperature: 0.7, topK: 40, topP: 0.95, minP: 0.05, penaltyLastN: 64 });
  });

  test.each<[keyof SamplingOptions, number]>([
    ['temperature', -0.1],
    ['temperature', NaN],
    ['temperature', Infinity],
    ['topK', -1],
    ['topK', 1.5],
    ['topK', 2 ** 31],
    ['topP', 1.01],
    ['topP', -0.01],
    ['minP', 2],
    ['repeatPenalty', 0],
    ['frequencyPenalty', NaN],
    ['presencePenalty', 1e6],
    ['penaltyLastN', -1],
    ['seed', -1],
    ['seed', 0.5],
    ['seed', 2 ** 32 - 1],
  ])('refuse %s %d by name', (name, value) => {
    expect(() => resolveSampling({ [name]: value })).toThrow(
      expect.objectContaining({ code: 'USAGE', message: expect.stringContaining(name) as string }),
    );
  });

  test('take the ends of every range', () => {
    expect(resolveSampling({ topP: 0, minP: 1, topK: 0, penaltyLastN: 0, seed: 2 ** 32 - 2, repeatPenalty: 0.01 })).toMatchObject({
      topP: 0,
      minP: 1,
    });
  });
});
