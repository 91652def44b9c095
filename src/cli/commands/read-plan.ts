import { readFile, stat } from 'node:fs/promises';
import { PLAN_LIMITS } from '../../bench/plans/parse-plan.js';
import { EdgeVlmError } from '../../core/errors.js';

/** The text of a plan. @throws FILE_NOT_FOUND, PLAN_INVALID for one that is too large */
export async function readPlan(file: string): Promise<string> {
  try {
    const { size } = await stat(file);
    if (size > PLAN_LIMITS.bytes) throw new EdgeVlmError('PLAN_INVALID', `${file}: the plan is larger than ${PLAN_LIMITS.bytes} bytes`);
    return await readFile(file, 'utf8');
  } catch (thrown) {
    if (thrown instanceof EdgeVlmError) throw thrown;
    throw new EdgeVlmError('FILE_NOT_FOUND', `the plan ${file} cannot be read`, { cause: thrown });
  }
}
