import { expect, test } from 'vitest';
import { formatBytes, formatDuration, formatRate } from './units.js';

test.each([
  [0, '0 B'],
  [1023, '1023 B'],
  [1024, '1.00 KiB'],
  [1_572_864, '1.50 MiB'],
  [1024 ** 2 - 1, '1.00 MiB'],
  [20 * 1024 ** 3, '20.0 GiB'],
  [5000 * 1024 ** 4, '5000 TiB'],
])('%d bytes are %s', (bytes, text) => {
  expect(formatBytes(bytes)).toBe(text);
});

test.each([
  [0.85, '850 µs'],
  [1, '1.00 ms'],
  [12.34, '12.3 ms'],
  [999.9, '1.00 s'],
  [4560, '4.56 s'],
  [59_990, '1 min 0 s'],
  [200_000, '3 min 20 s'],
])('%d ms are %s', (ms, text) => {
  expect(formatDuration(ms)).toBe(text);
});

test('a rate carries its unit', () => {
  expect(formatRate(21.54, 'tok')).toBe('21.5 tok/s');
  expect(formatRate(1150.2, 'tok')).toBe('1150 tok/s');
});
