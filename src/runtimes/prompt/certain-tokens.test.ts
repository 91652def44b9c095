import { expect, it } from 'vitest';
import { CertainTokens } from './certain-tokens.js';
import { TextStream } from './text-stream.js';

/** Which tokens are free after each of them, and at the end. */
function freed(tokens: readonly (string | number[])[], stop: readonly string[] = [], trimStart = false): number[][] {
  const stream = new TextStream(stop, trimStart);
  const waiting = new CertainTokens<number>(stream);
  const steps = tokens.map((text, index) => {
    if (!stream.stopped) waiting.add(index);
    stream.push(Buffer.from(text as string));
    return waiting.take();
  });
  stream.end();
  return [...steps, waiting.end()];
}

it('a token is free as soon as its text is certain', () => {
  expect(freed(['a', 'b'])).toEqual([[0], [1], []]);
  expect(freed([' ', 'a'], [], true)).toEqual([[0], [1], []]);
});

it('the tokens of one character are free together', () => {
  expect(freed([[0xe2], [0x82], [0xac], 'x'])).toEqual([[], [], [0, 1, 2], [3], []]);
});

it('what may begin a stop string waits; where it was none it is free, where it was one it is none of the answer', () => {
  expect(freed(['a', 'b', 'x'], ['bc'])).toEqual([[0], [], [1, 2], []]);
  expect(freed(['a', 'b', 'c', 'd'], ['bc'])).toEqual([[0], [], [], [], []]);
  expect(freed(['ab', 'c'], ['bc'])).toEqual([[0], [], []]);
  expect(freed(['a', 'b'], ['bc'])).toEqual([[0], [], [1]]);
});
