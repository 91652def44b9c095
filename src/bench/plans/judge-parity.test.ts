import { expect, it, vi } from 'vitest';
import { sampleMeasurement } from '../../../test/tracking/support/sample-record.js';
import { EdgeVlmError } from '../../core/errors.js';
import type { Cell } from '../../core/plan-cell.js';
import { NO_PROGRESS } from '../../core/progress.js';
import { createRunRecord, type Measurement } from '../../core/run-record.js';
import type { LogitParity } from '../quality/logit-parity.js';
import { judgeParity } from './judge-parity.js';

const PARITY: LogitParity = { answers: 2, samePrompts: 2, tokens: 30, top1: 1, klMean: 1e-6, klP99: 1e-5 };
const cell = (quantization: string): Cell => ({ scenario: 'vlm', settings: { quantization }, round: 1 });
function measured(quantization: string, model_name = 'shapes'): Measurement {
  const effective = { model_name, prompt: 'What?', max_tokens: 9, quantization, runtime: 'engine', precision: 'F16' };
  const dataset = { name: 'pictures', sha256: 'a'.repeat(64), items: 1 };
  return { ...sampleMeasurement(1), settings: { requested: {}, effective }, dataset };
}
const before = [{ cell: cell('none'), record: createRunRecord(measured('none')) }];
const context = { signal: new AbortController().signal, onProgress: NO_PROGRESS };
const subject = { cell: cell('int8'), measurement: measured('int8') };

it('compares a cell with the first that was asked the same', async () => {
  const compare = vi.fn(() => Promise.resolve(PARITY));
  const { verdicts, scores } = await judgeParity(subject, before, compare, context);
  expect(compare).toHaveBeenCalledWith({ reference: cell('none'), subject: cell('int8') }, context);
  expect(verdicts).toMatchObject([{ name: 'parity:logits', outcome: 'pass' }]);
  expect(scores).toHaveLength(3);
});

it('says nothing without such a cell, or where a runtime does not tell', async () => {
  const compare = vi.fn(() => Promise.resolve(null));
  const other = { ...subject, measurement: measured('int8', 'other') };
  expect(await judgeParity(other, before, compare, context)).toEqual({ verdicts: [], scores: [] });
  expect(compare).not.toHaveBeenCalled();
  expect(await judgeParity(subject, before, compare, context)).toEqual({ verdicts: [], scores: [] });
});

it('what goes wrong while comparing spoils the verdict and not the cell, unless the plan is stopped', async () => {
  const failing = (): Promise<never> => Promise.reject(new EdgeVlmError('OUT_OF_MEMORY', 'too large'));
  expect((await judgeParity(subject, before, failing, context)).verdicts).toEqual([
    { name: 'parity:logits', outcome: 'inconclusive', detail: 'OUT_OF_MEMORY: too large' },
  ]);
  const stopped = { ...context, signal: AbortSignal.abort() };
  await expect(judgeParity(subject, before, failing, stopped)).rejects.toMatchObject({ code: 'OUT_OF_MEMORY' });
});
