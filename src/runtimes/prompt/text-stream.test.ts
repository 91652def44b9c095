import { describe, expect, it } from 'vitest';

import { TextStream } from './text-stream.js';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

describe('text from token bytes', () => {
  it('holds a character until its last byte has come', () => {
    const stream = new TextStream();
    const [a, b, c] = bytes('€');
    expect([stream.push(Uint8Array.of(a ?? 0)), stream.push(Uint8Array.of(b ?? 0)), stream.push(Uint8Array.of(c ?? 0))]).toEqual([
      '',
      '',
      '€',
    ]);
  });

  it('leaves out a character that was cut off, so that a cancelled answer is the beginning of the whole one', () => {
    const stream = new TextStream();
    expect(stream.push(bytes('a€').subarray(0, 2)) + stream.end()).toBe('a');
  });

  it('ends before a stop string, also one that comes in pieces', () => {
    const stream = new TextStream(['END']);
    expect(stream.push(bytes('oneE'))).toBe('one');
    expect(stream.push(bytes('N'))).toBe('');
    expect(stream.push(bytes('D two'))).toBe('E'.slice(1));
    expect(stream.stopped).toBe(true);
    expect(stream.push(bytes('three')) + stream.end()).toBe('');
  });

  it('gives back what only looked like a stop string', () => {
    const stream = new TextStream(['END']);
    expect(stream.push(bytes('E')) + stream.push(bytes('N')) + stream.push(bytes('X'))).toBe('ENX');
    expect(stream.push(bytes('EN')) + stream.end()).toBe('EN');
  });

  it('drops white space before the first word of a chat answer only', () => {
    const stream = new TextStream([], true);
    expect(stream.push(bytes(' ')) + stream.push(bytes(' a')) + stream.push(bytes(' b'))).toBe('a b');
    expect(new TextStream().push(bytes(' a'))).toBe(' a');
  });
});
