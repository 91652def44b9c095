import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SseParser } from './sse-parser.js';

const parse = (...chunks: (string | Uint8Array)[]): string[] => {
  const parser = new SseParser();
  return chunks.flatMap((chunk) => parser.push(typeof chunk === 'string' ? Buffer.from(chunk) : chunk));
};

describe('an event stream', () => {
  it('is cut into the data of its events, whatever ends its lines', () => {
    expect(parse('data: {"a":1}\n\ndata: [DONE]\n\n')).toEqual(['{"a":1}', '[DONE]']);
    expect(parse('data: a\r\n\r\ndata: b\r\r')).toEqual(['a', 'b']);
  });

  it('may say more than data, several lines of it, and nothing', () => {
    expect(parse(': ping\nevent: x\nid: 7\nretry: 9\ndata: a\ndata\ndata:b\n\n\n\ndatab: c\n\n')).toEqual(['a\n\nb']);
    expect(parse('\ufeffdata: a\n\n')).toEqual(['a']);
  });

  it('keeps the second space, and what never ends is no event', () => {
    expect(parse('data:  a \n\ndata: cut off\n')).toEqual([' a ']);
  });

  it('is the same however it is cut', () => {
    const line = fc.oneof(
      fc.string({ unit: 'binary' }).map((text) => `data: ${text.replace(/[\r\n]/g, '')}`),
      fc.constantFrom('', ': c', 'event: x', 'data', 'data:'),
    );
    fc.assert(
      fc.property(fc.array(fc.tuple(line, fc.constantFrom('\n', '\r\n', '\r'))), fc.array(fc.nat({ max: 40 })), (lines, cuts) => {
        const bytes = Buffer.from(lines.flat().join(''));
        let at = 0;
        const chunks = [...cuts.map((length) => bytes.subarray(at, (at += length))), bytes.subarray(at)];
        // A carriage return that ends a chunk may be half of a line's end.
        expect(parse(...chunks)).toEqual(parse(bytes));
      }),
      { numRuns: 50 },
    );
  });

  it('may be anything: it is cut or refused, and never fills the memory', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array()), (chunks) => {
        for (const event of parse(...chunks)) expect(typeof event).toBe('string');
      }),
    );
    const parser = new SseParser();
    const endless = Buffer.alloc(64 * 1024, 'x');
    const many = (chunk: Uint8Array): void => {
      for (let i = 0; i < 100; i++) parser.push(chunk);
    };
    expect(() => {
      many(endless);
    }).toThrow(expect.objectContaining({ code: 'SERVER_REFUSED' }));
    expect(() => parse(...Array.from({ length: 100 }, () => `data: ${'y'.repeat(20_000)}\n`))).toThrow(
      expect.objectContaining({ code: 'SERVER_REFUSED' }),
    );
  });
});
