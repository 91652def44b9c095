import { describe, expect, it } from 'vitest';
import { parseLlamaBench } from './llama-bench-forward-pass.js';
import { parseMtmdTimes } from './mtmd-encoder.js';

describe("what llama.cpp's programs print", () => {
  it('is the time of the one test', () => {
    expect(parseLlamaBench('[{"n_prompt":256,"avg_ns":5,"samples_ns":[1234567890],"samples_ts":[207.3]}]\n')).toBe(1234567890);
  });

  it.each(['', '[]', '[{"samples_ns":[]}]', '[{"samples_ns":["1"]}]', '{"samples_ns":[1]}', 'error: unknown argument'])(
    'is no time in %j',
    (text) => {
      expect(parseLlamaBench(text)).toBeNull();
    },
  );

  it('is a line for every picture', () => {
    const log = [
      '0.00.803.009 I encoding mtmd batch, n_chunks = 1 (done = 1, total = 4)',
      '0.03.316.271 I mtmd batch encoding done in 2513 ms',
      '0.05.267.592 I encoding mtmd batch, n_chunks = 1 (done = 2, total = 4)',
      '0.07.757.027 I mtmd batch encoding done in 2490 ms',
    ].join('\n');
    expect(parseMtmdTimes(log)).toEqual([2513, 2490]);
    expect(parseMtmdTimes('nothing')).toEqual([]);
  });
});
