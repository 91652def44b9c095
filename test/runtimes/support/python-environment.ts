import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { EdgeVlmError } from '../../../src/core/errors.js';
import { installPython } from '../../../src/runtimes/python/install-python.js';
import { interpreterOf } from '../../../src/runtimes/python/python-environment.js';
import { lockFile } from '../../support/lock-file.js';

const FOLDER = fileURLToPath(new URL('../../../.cache/python/', import.meta.url));

/** Whether the tests with PyTorch run: always in CI, elsewhere where somebody has made an environment. A newcomer is not made to. */
export function hasPython(): boolean {
  if (process.env['CI'] !== undefined || process.env['EDGEVLM_PYTHON'] !== undefined) return true;
  return existsSync(join(FOLDER, 'edgevlm.json'));
}

/**
 * `EDGEVLM_PYTHON`, else an environment in `.cache/`, made by the code that users make theirs by. Where PyTorch's own index cannot be
 * reached, it comes from PyPI, with CUDA.
 * @returns the interpreter
 */
export async function testPython(): Promise<string> {
  const own = process.env['EDGEVLM_PYTHON'];
  if (own !== undefined) return own;
  const release = await lockFile(`${FOLDER.slice(0, -1)}.lock`);
  try {
    await installPython({ folder: FOLDER });
  } catch (thrown) {
    if (EdgeVlmError.from(thrown).code !== 'DOWNLOAD_FAILED') throw thrown;
    await installPython({ folder: FOLDER, torchIndex: 'pip' });
  } finally {
    await release();
  }
  return interpreterOf(FOLDER);
}

/** Runs a script with the Python half of the runtime on its path. */
export function runPython(interpreter: string, script: string, input: string): string {
  const folder = fileURLToPath(new URL('../../../python/runtime/', import.meta.url));
  const env = { ...process.env, PYTHONPATH: folder, PYTHONDONTWRITEBYTECODE: '1' };
  const { status, stdout, stderr } = spawnSync(interpreter, ['-c', script], { env, input, encoding: 'utf8' });
  if (status !== 0) throw new Error(stderr);
  return stdout;
}
