import { EdgeVlmError } from '../../core/errors.js';
import { judgeLogitParity, type LogitParity } from '../quality/logit-parity.js';
import type { ComparedCells } from './cell-protocol.js';
import type { CellContext } from './cell-runner.js';
import { parityReference, parityVerdicts } from './parity-verdicts.js';
import type { FinishedCell, Judgement, MeasuredCell } from './run-plan.js';

/**
 * Parity of a cell with the first that was asked the same of the same model: `parity:answers` of what both said, and `parity:logits`
 * of what both would choose from, where both runtimes tell.
 * @param compareLogits null where they do not @throws CANCELLED; what else goes wrong while comparing is part of the verdict
 */
export async function judgeParity(
  { cell, measurement }: MeasuredCell,
  before: readonly FinishedCell[],
  compareLogits: (cells: ComparedCells, context: CellContext) => Promise<LogitParity | null>,
  context: CellContext,
): Promise<Judgement> {
  const records = before.map(({ record }) => record);
  const answers = parityVerdicts(measurement, records);
  const record = parityReference(measurement, records);
  const reference = before.find((one) => one.record === record);
  if (reference === undefined) return { verdicts: answers, scores: [] };
  try {
    const parity = await compareLogits({ reference: reference.cell, subject: cell }, context);
    if (parity === null) return { verdicts: answers, scores: [] };
    const { runtime, precision, quantization } = reference.record.settings.effective;
    const { verdicts, scores } = judgeLogitParity(parity, {
      along: `${parity.answers} answers of ${String(runtime)} in ${String(precision)} (${reference.record.id})`,
      sameWeights: quantization === measurement.settings.effective['quantization'],
    });
    return { verdicts: [...answers, ...verdicts], scores };
  } catch (thrown) {
    const error = EdgeVlmError.from(thrown);
    if (context.signal.aborted) throw error;
    const verdict = { name: 'parity:logits', outcome: 'inconclusive', detail: `${error.code}: ${error.message}` } as const;
    return { verdicts: [...answers, verdict], scores: [] };
  }
}
