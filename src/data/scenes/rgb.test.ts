import { describe, expect, it } from 'vitest';
import { mixtureDistance, nameMargin } from './rgb.js';
import { COLOUR_JITTER, COLOUR_RGB, COLOURS } from './vocabulary.js';

describe('nameMargin', () => {
  it('is clear of every other name wherever a colour is drawn', () => {
    for (const colour of COLOURS) {
      const [red, green, blue] = COLOUR_RGB[colour];
      for (let corner = 0; corner < 8; corner++) {
        const off = (bit: number): number => (corner & (1 << bit) ? COLOUR_JITTER : -COLOUR_JITTER);
        expect(nameMargin([red + off(0), green + off(1), blue + off(2)], colour)).toBeGreaterThan(50);
      }
    }
  });

  it('is zero half way to another name, and negative beyond', () => {
    expect(nameMargin([242.5, 175, 35], 'yellow')).toBeCloseTo(0);
    expect(nameMargin([245, 135, 25], 'yellow')).toBeLessThan(-50);
  });
});

describe('mixtureDistance', () => {
  it('is the distance from a segment', () => {
    expect(mixtureDistance([50, 30, 0], [0, 0, 0], [100, 0, 0])).toBe(30);
    expect(mixtureDistance([130, 40, 0], [0, 0, 0], [100, 0, 0])).toBe(50);
    expect(mixtureDistance([3, 4, 0], [0, 0, 0], [0, 0, 0])).toBe(5);
  });
});
