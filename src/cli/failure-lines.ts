import type { EdgeVlmError } from '../core/errors.js';

/** An error as it is printed: what is wrong, what to do, and for debugging the causes with their stacks. */
export function failureLines(error: EdgeVlmError, debug: boolean): string[] {
  const lines = [`error ${error.code}: ${error.message}`, `hint: ${error.hint}`];
  if (!debug) return lines;
  lines.push(...stackLines(error));
  for (let { cause } = error; cause instanceof Error; cause = cause.cause) {
    lines.push(`caused by: ${cause.name}: ${cause.message}`, ...stackLines(cause));
  }
  return lines;
}

function stackLines({ stack = '' }: Error): string[] {
  return stack.split('\n').filter((line) => line.startsWith('    at '));
}
