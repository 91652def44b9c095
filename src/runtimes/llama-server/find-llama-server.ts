import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { EdgeVlmError } from '../../core/errors.js';
import { runProgram } from '../../host/run-program.js';

const PROGRAM = process.platform === 'win32' ? 'llama-server.exe' : 'llama-server';
const VERSION_MS = 20_000;

/** What to run to have it; llama.cpp's own advice. */
export const INSTALL_LLAMA_SERVER = process.platform === 'win32' ? 'winget install llama.cpp' : 'brew install llama.cpp';

/**
 * The llama-server program: the one named, else `$EDGEVLM_LLAMA_SERVER`, else the first on the PATH.
 * @throws LOAD_ERROR
 */
export async function findLlamaServer(named?: string, env: Readonly<Record<string, string | undefined>> = process.env): Promise<string> {
  const given = named ?? env['EDGEVLM_LLAMA_SERVER'];
  if (given !== undefined && given !== '') {
    if (await isExecutable(given)) return given;
    throw new EdgeVlmError('LOAD_ERROR', `${given} is no program that may be run`, {
      hint: 'Pass the path of llama-server with --llama-server, or set EDGEVLM_LLAMA_SERVER.',
    });
  }
  for (const folder of (env['PATH'] ?? '').split(delimiter)) {
    const path = join(folder, PROGRAM);
    if (folder !== '' && (await isExecutable(path))) return path;
  }
  throw new EdgeVlmError('LOAD_ERROR', 'there is no llama-server on the PATH', {
    hint: `Install it (${INSTALL_LLAMA_SERVER}), or say where it is with --llama-server or EDGEVLM_LLAMA_SERVER.`,
  });
}

/** What the program calls itself: `0.4.0 (build 1, commit 80fb11a)`, of older ones `4567 (80fb11a)`. @throws LOAD_ERROR, CANCELLED */
export async function llamaServerVersion(program: string, signal?: AbortSignal): Promise<string> {
  try {
    const { stdout, stderr } = await runProgram(program, ['--version'], {
      timeout: VERSION_MS,
      maxBuffer: 1024 * 1024,
      signal,
    });
    const version = /^version: (.{1,80})$/m.exec(`${stdout}\n${stderr}`)?.[1];
    if (version !== undefined) return version.trim();
  } catch (cause) {
    if (signal?.aborted === true) throw new EdgeVlmError('CANCELLED', 'cancelled', { cause });
    const words = cause instanceof Error ? cause.message.replace(/\s+/g, ' ').slice(0, 300) : String(cause);
    throw new EdgeVlmError('LOAD_ERROR', `${program} does not run: ${words}`, { cause, hint: 'Run it by hand with --version.' });
  }
  throw new EdgeVlmError('LOAD_ERROR', `${program} does not say its version, as llama-server does`);
}

async function isExecutable(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}
