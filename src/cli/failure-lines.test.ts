import { describe, expect, it } from 'vitest';
import { EdgeVlmError } from '../core/errors.js';
import { failureLines } from './failure-lines.js';

const error = new EdgeVlmError('GGUF_INVALID', 'x.gguf is broken', { cause: new Error('outer', { cause: new Error('inner') }) });

describe('an error', () => {
  it('is what is wrong with its code, and what to do', () => {
    expect(failureLines(error, false)).toEqual(['error GGUF_INVALID: x.gguf is broken', `hint: ${error.hint}`]);
  });

  it('tells all causes with their stacks for debugging', () => {
    const lines = failureLines(error, true);
    expect(lines.filter((line) => line.startsWith('caused by: '))).toEqual(['caused by: Error: outer', 'caused by: Error: inner']);
    expect(lines.filter((line) => line.includes('failure-lines.test.ts')).length).toBeGreaterThanOrEqual(3);
  });
});
