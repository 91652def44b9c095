import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { EdgeVlmError } from '../../../src/core/errors.js';
import { isProcessAlive } from '../../../src/core/is-process-alive.js';
import { installPython } from '../../../src/runtimes/python/install-python.js';
import { interpreterOf } from '../../../src/runtimes/python/python-environment.js';

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
  const release = await lock(`${FOLDER.slice(0, -1)}.lock`);
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

/** Test files run side by side, and one environment is made. A lock whose process is gone is nobody's. */
async function lock(path: string): Promise<() => Promise<void>> {
  await mkdir(dirname(path), { recursive: true });
  for (;;) {
    try {
      await writeFile(path, String(process.pid), { flag: 'wx' });
      return () => rm(path, { force: true });
    } catch {
      const holder = Number(await readFile(path, 'utf8').catch(() => '0'));
      // 0: it has just been released, or its number is not written yet.
      if (holder !== 0 && !isProcessAlive(holder)) await rm(path, { force: true });
      await sleep(200);
    }
  }
}

/** Runs a script with the Python half of the runtime on its path. */
export function runPython(interpreter: string, script: string, input: string): string {
  const folder = fileURLToPath(new URL('../../../python/runtime/', import.meta.url));
  const env = { ...process.env, PYTHONPATH: folder, PYTHONDONTWRITEBYTECODE: '1' };
  const { status, stdout, stderr } = spawnSync(interpreter, ['-c', script], { env, input, encoding: 'utf8' });
  if (status !== 0) throw new Error(stderr);
  return stdout;
}
