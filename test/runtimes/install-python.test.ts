import { spawnSync } from 'node:child_process';
import { chmod, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { installPython } from '../../src/runtimes/python/install-python.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'edgevlm-install-'));
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true });
});

test('without Python it says what to install', async () => {
  vi.stubEnv('PATH', folder);
  await expect(installPython({ folder: join(folder, 'python'), torchIndex: 'pip' })).rejects.toMatchObject({
    code: 'LOAD_ERROR',
    message: 'there is no Python on this machine',
    hint: expect.stringContaining('python3-venv') as string,
  });
});

test.skipIf(process.platform === 'win32').each([
  ['True False', 'python3 has no venv and ensurepip'],
  ['False True', 'python3 is older than 3.10'],
])('a Python that answers %s is not enough', async (answer, message) => {
  await writeFile(join(folder, 'python3'), `#!/bin/sh\necho ${answer}\n`);
  await chmod(join(folder, 'python3'), 0o755);
  vi.stubEnv('PATH', folder);
  await expect(installPython({ folder: join(folder, 'python'), torchIndex: 'pip' })).rejects.toMatchObject({ code: 'LOAD_ERROR', message });
});

const hasVenv = spawnSync('python3', ['-c', 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 10))']).status === 0;

// A newcomer may have no Python; in CI it must be there.
test.skipIf(process.env['CI'] === undefined && !hasVenv)(
  'against an index that is away it ends with what else could be done, and is not taken for finished',
  { timeout: 300_000 },
  async () => {
    vi.stubEnv('PIP_RETRIES', '0').stubEnv('PIP_TIMEOUT', '5').stubEnv('PIP_FIND_LINKS', '');
    const python = join(folder, 'python');
    const install = installPython({ folder: python, torchIndex: 'http://user:secret@127.0.0.1:9/simple' });
    await expect(install).rejects.toMatchObject({ code: 'DOWNLOAD_FAILED', hint: expect.stringContaining('--torch-index') as string });
    await expect(install).rejects.not.toThrow(/secret/);
    expect(await readdir(python)).not.toContain('edgevlm.json');
  },
);
