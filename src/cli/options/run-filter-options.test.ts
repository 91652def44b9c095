import { expect, it } from 'vitest';
import { since } from './run-filter-options.js';

const now = (): number => Date.parse('2030-01-31T12:00:00Z');

it.each([
  ['30m', '2030-01-31T11:30:00.000Z'],
  ['24h', '2030-01-30T12:00:00.000Z'],
  ['7d', '2030-01-24T12:00:00.000Z'],
  ['2030-01-02', '2030-01-02T00:00:00.000Z'],
  ['2030-01-02T03:04:05Z', '2030-01-02T03:04:05.000Z'],
])('%s is %s', (text, date) => {
  expect(since(text, now).toISOString()).toBe(date);
});

it.each(['', 'yesterday', '7', '7w', '2030-13-01', '2030-01', '-7d'])('%j is refused', (text) => {
  expect(() => since(text, now)).toThrow('Expected a date');
});
