import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { EdgeVlmError } from '../../core/errors.js';
import { NO_PROGRESS, ProgressTask, type Progress } from '../../core/progress.js';
import { writeFileAtomically } from '../../core/write-file-atomically.js';
import { runInstaller } from '../worker/run-installer.js';
import { findTransformersJs, packageFolder } from './transformers-js-package.js';

/** What this was written against. */
const VERSION = '4.3.1';
/** The browser's half of ONNX Runtime is not needed here (146 MB); its place is taken by the part that both halves share. */
const PACKAGE = {
  name: 'edgevlm-transformers-js',
  private: true,
  dependencies: { '@huggingface/transformers': VERSION },
  overrides: { 'onnxruntime-web': 'npm:onnxruntime-common@1.30.0' },
};

export interface InstallTransformersJsReport {
  readonly runtime: 'transformers-js';
  readonly state: 'installed' | 'present';
  readonly version: string;
}

/**
 * Installs Transformers.js in EdgeVLM's home, unless it can be found already.
 * @throws LOAD_ERROR when npm is missing; DOWNLOAD_FAILED, DISK_FULL, FILE_UNWRITABLE, CANCELLED
 */
export async function installTransformersJs({
  folder = packageFolder(),
  force = false,
  onProgress = NO_PROGRESS,
  signal,
}: {
  readonly folder?: string;
  readonly force?: boolean;
  readonly onProgress?: Progress;
  readonly signal?: AbortSignal | undefined;
} = {}): Promise<InstallTransformersJsReport> {
  const present = force ? undefined : await findTransformersJs().catch(() => undefined);
  if (present !== undefined) return { runtime: 'transformers-js', state: 'present', version: present.version };
  await mkdir(folder, { recursive: true }).catch((cause: unknown) => {
    throw new EdgeVlmError('FILE_UNWRITABLE', `${folder} cannot be made`, { cause });
  });
  await writeFileAtomically(join(folder, 'package.json'), (write) => write(Buffer.from(`${JSON.stringify(PACKAGE, null, 2)}\n`)));
  const progress = new ProgressTask(onProgress, { label: 'install transformers-js', unit: 'files', total: null });
  try {
    await runInstaller({
      file: process.platform === 'win32' ? 'npm.cmd' : 'npm',
      // ONNX Runtime's install script would fetch CUDA's library from elsewhere; what computes on the processor is in the package.
      args: ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel', 'http'],
      cwd: folder,
      signal,
      onLine: (line) => {
        if (line.includes('http fetch')) progress.advance();
      },
    });
  } finally {
    progress.end();
  }
  const { version } = await findTransformersJs([pathToFileURL(join(folder, 'package.json')).href]);
  return { runtime: 'transformers-js', state: 'installed', version };
}
