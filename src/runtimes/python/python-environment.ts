import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Type, type Static } from 'typebox';
import { Value } from 'typebox/value';
import { dataDirectories } from '../../core/data-directories.js';
import { EdgeVlmError } from '../../core/errors.js';
import { runProgram } from '../../host/run-program.js';
import type { PythonCommand } from './python-process.js';


/** Makes the environment. */
export const INSTALL_PYTHON = 'edgevlm runtimes install python';
/** The Python half of this runtime, as it lies in the package. */
export const PYTHON_FOLDER = fileURLToPath(new URL('../../../python/runtime/', import.meta.url));
/** Importing nothing takes a second on a slow machine. */
const VERSIONS_MS = 60_000;

const Version = Type.Union([Type.String(), Type.Null()]);
const Versions = Type.Object({
  python: Type.String(),
  torch: Version,
  transformers: Version,
  pillow: Version,
  accelerate: Version,
  bitsandbytes: Version,
});
/** Of Python and of what the runtime uses; null where it is missing. */
export type PythonVersions = Static<typeof Versions>;

/** Where `runtimes install python` makes its environment. */
export function environmentFolder(): string {
  return join(dataDirectories().home, 'python');
}

/** The interpreter of an environment made by `venv`. */
export function interpreterOf(environment: string): string {
  return process.platform === 'win32' ? join(environment, 'Scripts', 'python.exe') : join(environment, 'bin', 'python');
}

/**
 * `EDGEVLM_PYTHON`, else the environment that `runtimes install python` made.
 * @throws LOAD_ERROR when there is neither
 */
export async function findInterpreter(env: NodeJS.ProcessEnv = process.env): Promise<string> {
  const own = env['EDGEVLM_PYTHON'];
  const interpreter = own === undefined || own === '' ? interpreterOf(environmentFolder()) : own;
  // A name without a folder is looked for by the system.
  if (interpreter !== own && !(await isFile(interpreter))) throw missing('no Python environment has been made');
  if (interpreter === own && /[\\/]/.test(own) && !(await isFile(own))) throw missing(`EDGEVLM_PYTHON is ${own}, where there is no file`);
  return interpreter;
}

/** The command that runs the Python half with `interpreter`. */
export function pythonCommand(interpreter: string, action: 'serve' | 'versions', threads?: number): PythonCommand {
  return {
    file: interpreter,
    // Without the packages of the user's home, which are not of this environment.
    args: ['-s', '-m', 'edgevlm_runtime', action],
    cwd: PYTHON_FOLDER,
    env: {
      PYTHONPATH: PYTHON_FOLDER,
      // The package's folder may belong to somebody else.
      PYTHONDONTWRITEBYTECODE: '1',
      PYTHONUNBUFFERED: '1',
      TOKENIZERS_PARALLELISM: 'false',
      HF_HUB_DISABLE_TELEMETRY: '1',
      ...(threads !== undefined && { OMP_NUM_THREADS: String(threads) }),
    },
  };
}

/**
 * Asks an interpreter what it has; nothing is imported.
 * @throws LOAD_ERROR when it does not start or answers something else; CANCELLED
 */
export async function readVersions(interpreter: string, signal?: AbortSignal): Promise<PythonVersions> {
  const { file, args, cwd, env } = pythonCommand(interpreter, 'versions');
  try {
    const { stdout } = await runProgram(file, args, { cwd, env: { ...process.env, ...env }, timeout: VERSIONS_MS, signal });
    return Value.Parse(Versions, JSON.parse(stdout));
  } catch (cause) {
    if (signal?.aborted === true) throw new EdgeVlmError('CANCELLED', 'cancelled', { cause });
    throw missing(`${interpreter} does not start as Python 3.10 or newer`, cause);
  }
}

/** @throws LOAD_ERROR naming what is missing */
export function requirePackages(versions: PythonVersions): void {
  const absent = (['torch', 'transformers', 'pillow'] as const).filter((name) => versions[name] === null);
  if (absent.length > 0) throw missing(`this Python lacks ${absent.join(', ')}`);
}

function missing(message: string, cause?: unknown): EdgeVlmError {
  return new EdgeVlmError('LOAD_ERROR', message, { hint: `Run \`${INSTALL_PYTHON}\`.`, ...(cause !== undefined && { cause }) });
}

async function isFile(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isFile(),
    () => false,
  );
}
