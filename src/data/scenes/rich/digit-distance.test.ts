import { describe, expect, it } from 'vitest';
import { DIGIT_DISTANCE } from './digit-distance.js';

/** The digit on a grid of 24 × 24, # inside. */
const draw = (distance: (x: number, y: number) => number): boolean[] =>
  Array.from({ length: 24 * 24 }, (_, at) => distance(((at % 24) - 11.5) / 11, (11.5 - Math.floor(at / 24)) / 11) < 0);

/** How many separate areas of ground a digit leaves: one around it and one for each hole. */
function grounds(ink: readonly boolean[]): number {
  const seen = new Set<number>();
  let count = 0;
  for (let start = 0; start < ink.length; start++) {
    if (ink[start] === true || seen.has(start)) continue;
    count++;
    const stack = [start];
    for (let at = stack.pop(); at !== undefined; at = stack.pop()) {
      if (seen.has(at) || ink[at] !== false) continue;
      seen.add(at);
      stack.push(at - 24, at + 24, ...(at % 24 > 0 ? [at - 1] : []), ...(at % 24 < 23 ? [at + 1] : []));
    }
  }
  return count;
}

describe.each(DIGIT_DISTANCE.map((digits, font) => ({ font, digits })))('digits of font $font', ({ font, digits }) => {
  it('have the holes of their digit', () => {
    const four = font === 0 ? 2 : 1;
    expect(digits.map((digit) => grounds(draw(digit)))).toEqual([2, 1, 1, 1, four, 1, 2, 1, 3, 2]);
  });

  it('differ clearly from each other', () => {
    const drawings = digits.map(draw);
    drawings.forEach((a, i) => {
      drawings.slice(i + 1).forEach((b) => {
        expect(a.filter((ink, at) => ink !== b[at]).length).toBeGreaterThan(14);
      });
    });
  });

  it('fit between −1 and 1', () => {
    for (const digit of digits) {
      for (let t = -1; t <= 1; t += 0.05) {
        for (const [x, y] of [
          [t, 1.02],
          [t, -1.02],
          [1, t],
          [-1, t],
        ] as const)
          expect(digit(x, y)).toBeGreaterThan(0);
      }
    }
  });
});
