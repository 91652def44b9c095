import { describe, expect, it } from 'vitest';
import { progressText } from './progress-line.js';

describe('progress', () => {
  it('is a share for bytes and a count for anything else', () => {
    const bytes = { label: 'load', unit: 'bytes' } as const;
    expect(progressText({ type: 'advance', ...bytes, done: 512, total: 2048 })).toBe('load: 25% of 2.00 KiB');
    expect(progressText({ type: 'advance', ...bytes, done: 512, total: null })).toBe('load: 512 B');
    const images = { label: 'caption', unit: 'images' } as const;
    expect(progressText({ type: 'start', ...images, total: 10 })).toBe('caption: 0 of 10 images');
    expect(progressText({ type: 'advance', ...images, done: 3, total: null })).toBe('caption: 3 images');
  });

  it('of nothing is no division by zero', () => {
    expect(progressText({ type: 'start', label: 'load', unit: 'bytes', total: 0 })).toBe('load: 0% of 0 B');
  });
});
