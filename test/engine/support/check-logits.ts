import { expect } from 'vitest';
import { Engine } from '../../../src/engine/engine.js';
import { argmax } from '../../../src/engine/sampling/greedy-sampler.js';
import { relativeError } from './compare.js';
import type { ParityCase } from './parity-case.js';
import { teacherForced, type Prompt } from './teacher-forced.js';

/** Bounds of ‖a−b‖/‖b‖ for every row of logits. A tower's attention reads keys and values in f16, and GELU from an f16 table. */
export const TEXT_BOUND = 1e-3;
export const TOWER_BOUND = 3e-3;

/** Feeds the reference's prompt and tokens: every row of logits must be near its row, and have its largest value at the same token. */
export async function checkLogits(model: string, prompt: Prompt, reference: ParityCase, bound: number): Promise<void> {
  using engine = await Engine.load({ model, threads: 1, context: 512, cache: { type: 'f32' } });
  const rows = await teacherForced(engine.runner, prompt, reference.generatedIds.slice(0, -1));
  expect(rows.map(argmax)).toEqual(reference.generatedIds);
  const errors = rows.map((row, i) => relativeError(row, reference.logits[i] ?? new Float32Array()));
  expect(errors).toHaveLength(33);
  expect(Math.max(...errors), `errors by step: ${errors.join(', ')}`).toBeLessThanOrEqual(bound);
}
