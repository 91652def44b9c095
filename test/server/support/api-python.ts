import { execFile, spawnSync } from 'node:child_process';
import { mkdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { lockFile } from '../../support/lock-file.js';

const run = promisify(execFile);
const PACKAGES = ['schemathesis==4.32.5', 'requests==2.34.2'];
const FOLDER = fileURLToPath(new URL('../../../.cache/api-python-4.32.5/', import.meta.url));
/** The last thing done; without it the environment is half made. */
const READY = join(FOLDER, 'ready');

/** Python 3.10 or newer with `venv`: what schemathesis needs. */
export function canInstallApiPython(): boolean {
  return spawnSync('python3', ['-c', 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 10))']).status === 0;
}

/** Programs that know nothing of us and call the server: schemathesis, and `requests`. In `.cache/`, from PyPI. @returns its folder of programs */
export async function apiPython(): Promise<string> {
  const programs = join(FOLDER, 'bin');
  const release = await lockFile(`${FOLDER.slice(0, -1)}.lock`);
  try {
    if (await stat(READY).catch(() => undefined)) return programs;
    await rm(FOLDER, { recursive: true, force: true });
    const clean = { ...process.env, PYTHONPATH: '', PIP_DISABLE_PIP_VERSION_CHECK: '1' };
    await run('python3', ['-m', 'venv', FOLDER], { env: clean });
    await run(join(programs, 'python'), ['-m', 'pip', 'install', '--quiet', ...PACKAGES], { env: clean, maxBuffer: 1 << 26 });
    await mkdir(`${READY}.part`);
    await rename(`${READY}.part`, READY);
    return programs;
  } finally {
    await release();
  }
}
