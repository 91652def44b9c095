import fc from 'fast-check';
import { expect, test } from 'vitest';
import { LineReader } from './line-reader.js';

test('lines come out whole, however they were cut on the way', () => {
  fc.assert(
    fc.property(fc.array(fc.string({ unit: 'binary', maxLength: 30 }).map((text) => text.replaceAll('\n', ''))), fc.array(fc.nat(40)), (lines, cuts) => {
      const reader = new LineReader(1 << 20);
      let bytes = Buffer.from(lines.map((line) => `${line}\n`).join(''));
      const read: string[] = [];
      for (const cut of [...cuts, bytes.length]) {
        read.push(...(reader.push(bytes.subarray(0, cut)) ?? []));
        bytes = bytes.subarray(cut);
      }
      expect(read).toEqual(lines);
    }),
  );
});

test.each([['in one piece', 1], ['in several', 3]])('a line over the limit is refused, %s', (_, pieces) => {
  const reader = new LineReader(10);
  const results = Array.from({ length: pieces }, () => reader.push(Buffer.alloc(Math.ceil(11 / pieces), 'x')));
  expect(results.at(-1)).toBeNull();
});

test('the limit counts without the end of the line', () => {
  expect(new LineReader(10).push(Buffer.from(`${'x'.repeat(10)}\n`))).toEqual(['x'.repeat(10)]);
  expect(new LineReader(10).push(Buffer.from(`${'x'.repeat(11)}\n`))).toBeNull();
});
