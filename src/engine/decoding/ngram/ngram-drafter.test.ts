import { expect, test } from 'vitest';
import { NgramDrafter } from './ngram-drafter.js';

async function guess(prompt: number[], answer: number[], count: number, min = 2, max = 4): Promise<readonly number[]> {
  return (await new NgramDrafter(Int32Array.from(prompt), { min, max }).propose(answer, count)).tokens;
}

test.each<[what: string, prompt: number[], answer: number[], count: number, expected: number[]]>([
  ['goes on as the prompt did', [1, 2, 3, 4, 5, 6], [2, 3], 2, [4, 5]],
  ['finds an end that lies across prompt and answer', [7, 8, 1, 2, 9, 8, 1], [2], 2, [9, 8]],
  ['finds it in the answer, too', [9], [1, 2, 5, 6, 1, 2], 3, [5, 6, 1]],
  ['of equally long places takes the newest', [1, 2, 3, 1, 2, 4], [1, 2], 1, [4]],
  ['but of others the longest', [7, 1, 2, 3, 1, 2, 4], [7, 1, 2], 1, [3]],
  ['copies what it copied, so that a repetition goes on', [5, 6, 7], [8, 9, 8, 9], 7, [8, 9, 8, 9, 8, 9, 8]],
  ['knows nothing of an end that is new', [1, 2, 3, 4], [5, 6], 3, []],
  ['does not take one token for a place', [1, 2, 3, 4], [9, 3], 3, []],
  ['never guesses an image token', [1, 2, 3, -1, -1, 4], [1, 2], 4, [3]],
  ['nor finds one', [-1, -1, 5, 1, -1, -1], [5, 1, -1, -1], 2, []],
])('%s', async (_, prompt, answer, count, expected) => {
  expect(await guess(prompt, answer, count)).toEqual(expected);
});

test('one token is a place where that is asked for; more than the longest count alike', async () => {
  expect(await guess([1, 2, 3, 4], [9, 3], 2, 1)).toEqual([4, 9]);
  // Both places agree in the last token; the older one in three, which is more than is looked at.
  expect(await guess([7, 8, 3, 1, 3, 2], [7, 8, 3], 1, 1, 1)).toEqual([2]);
});
