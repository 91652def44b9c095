import { expect, test } from 'vitest';
import { checkEngine } from '../../src/runtimes/engine/check-engine.js';

test('the engine says which devices it looked for, and of each what was found or why it cannot be used', async () => {
  const { available, detail, devices = [] } = await checkEngine();
  expect(available).toBe(true);
  expect(detail).toContain('computes on cpu');
  for (const { device, description, problem } of devices) {
    expect([description, problem].filter((words) => words === null)).toHaveLength(1);
    expect(detail).toContain(`${device}: ${description ?? problem ?? ''}`);
  }
});
