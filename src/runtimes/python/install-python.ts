import { createHash } from 'node:crypto';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { Type, type Static } from 'typebox';
import { Value } from 'typebox/value';
import { EdgeVlmError } from '../../core/errors.js';
import { runProgram } from '../../host/run-program.js';
import { NO_PROGRESS, ProgressTask, type Progress } from '../../core/progress.js';
import { redact } from '../../core/redact.js';
import { writeFileAtomically } from '../../core/write-file-atomically.js';
import { runInstaller } from '../worker/run-installer.js';
import { environmentFolder, interpreterOf, PYTHON_FOLDER, readVersions, requirePackages, type PythonVersions } from './python-environment.js';


/** PyTorch without CUDA: a tenth of the bytes of the package that PyPI has for Linux. */
const CPU_INDEX = 'https://download.pytorch.org/whl/cpu';
/** Written last; without it the environment is half made. */
const MARKER = 'edgevlm.json';
const Marker = Type.Object({ requirements: Type.String(), torchIndex: Type.String() });
type Marker = Static<typeof Marker>;
const NEWEST_FIRST = ['python3', 'python'];

export interface InstallPythonOptions {
  /** Default: `python` in EdgeVLM's home. */
  readonly folder?: string;
  /**
   * Where pip takes PyTorch from; `pip` leaves that to pip's own settings. Default: `EDGEVLM_TORCH_INDEX`, else the PyTorch project's
   * index for processors on Linux without an NVIDIA GPU, else `pip`.
   */
  readonly torchIndex?: string;
  /** Make it anew. */
  readonly force?: boolean;
  readonly onProgress?: Progress;
  readonly signal?: AbortSignal | undefined;
}

export interface InstallPythonReport {
  readonly runtime: 'python';
  readonly state: 'installed' | 'present';
  readonly folder: string;
  readonly versions: PythonVersions;
}

/**
 * Makes the environment of the Python runtime. What was interrupted goes on: packages that are there are not fetched again.
 * @throws LOAD_ERROR when Python, venv or pip is missing or what was installed does not start; DOWNLOAD_FAILED, DISK_FULL, CANCELLED
 */
export async function installPython(options: InstallPythonOptions = {}): Promise<InstallPythonReport> {
  const { folder = environmentFolder(), force = false, onProgress = NO_PROGRESS, signal } = options;
  const interpreter = interpreterOf(folder);
  const requirements = await hashRequirements();
  const made = await readMarker(join(folder, MARKER));
  if (!force && made?.requirements === requirements && (options.torchIndex ?? made.torchIndex) === made.torchIndex)
    return { runtime: 'python', state: 'present', folder, versions: await readVersions(interpreter, signal) };

  const torchIndex = options.torchIndex ?? (await defaultTorchIndex());
  if (force) await rm(folder, { recursive: true, force: true });
  await rm(join(folder, MARKER), { force: true });
  const progress = new ProgressTask(onProgress, { label: 'install python', unit: 'files', total: null });
  try {
    if (!(await startsPip(interpreter))) await makeEnvironment(folder, signal);
    const install = (args: readonly string[]): Promise<void> =>
      runInstaller({
        file: interpreter,
        args: ['-m', 'pip', 'install', '--progress-bar', 'off', '--no-input', '--disable-pip-version-check', ...args],
        env: { PYTHONPATH: '' },
        signal,
        onLine: (line) => {
          if (/^\s*(?:Collecting|Requirement already satisfied|Installing) /.test(line)) progress.advance();
        },
      });
    try {
      await install(['-r', join(PYTHON_FOLDER, 'requirements-torch.txt'), ...(torchIndex === 'pip' ? [] : ['--index-url', torchIndex])]);
    } catch (thrown) {
      throw explain(thrown, torchIndex);
    }
    await install(['-r', join(PYTHON_FOLDER, 'requirements.txt')]);
    const versions = await readVersions(interpreter, signal);
    requirePackages(versions);
    await requireImport(interpreter, signal);
    await writeFileAtomically(join(folder, MARKER), (write) =>
      write(Buffer.from(`${JSON.stringify({ requirements, torchIndex } satisfies Marker)}\n`)),
    );
    return { runtime: 'python', state: 'installed', folder, versions };
  } finally {
    progress.end();
  }
}

async function defaultTorchIndex(): Promise<string> {
  const own = process.env['EDGEVLM_TORCH_INDEX'];
  if (own !== undefined && own !== '') return own;
  if (process.platform !== 'linux') return 'pip';
  const gpu = await runProgram('nvidia-smi', ['-L']).then(
    ({ stdout }) => stdout.includes('GPU'),
    () => false,
  );
  return gpu ? 'pip' : CPU_INDEX;
}

/** Changes when another set of packages is wanted. */
async function hashRequirements(): Promise<string> {
  const hash = createHash('sha256');
  for (const name of ['requirements-torch.txt', 'requirements.txt']) hash.update(await readFile(join(PYTHON_FOLDER, name)));
  return hash.digest('hex');
}

async function readMarker(path: string): Promise<Marker | undefined> {
  try {
    const value: unknown = JSON.parse(await readFile(path, 'utf8'));
    return Value.Check(Marker, value) ? value : undefined;
  } catch {
    return undefined;
  }
}

async function startsPip(interpreter: string): Promise<boolean> {
  return runProgram(interpreter, ['-m', 'pip', '--version']).then(
    () => true,
    () => false,
  );
}

async function makeEnvironment(folder: string, signal?: AbortSignal): Promise<void> {
  const python = await findPython();
  await rm(folder, { recursive: true, force: true });
  await runInstaller({ file: python, args: ['-m', 'venv', folder], env: { PYTHONPATH: '' }, signal });
}

/** @throws LOAD_ERROR saying what is missing */
async function findPython(): Promise<string> {
  let old: string | undefined;
  for (const name of NEWEST_FIRST) {
    const probe = 'import sys, importlib.util as u; print(sys.version_info >= (3, 10), bool(u.find_spec("venv") and u.find_spec("ensurepip")))';
    const answer = await runProgram(name, ['-c', probe]).catch(() => undefined);
    if (answer === undefined) continue;
    const [recent, complete] = answer.stdout.trim().split(' ');
    if (recent === 'True' && complete === 'True') return name;
    old = recent === 'True' ? `${name} has no venv and ensurepip` : `${name} is older than 3.10`;
  }
  throw new EdgeVlmError('LOAD_ERROR', old ?? 'there is no Python on this machine', {
    hint: 'Install Python 3.10 or newer with venv and pip (Debian: apt install python3 python3-venv), or set EDGEVLM_PYTHON.',
  });
}

/** Libraries that do not fit this machine show when they are loaded. */
async function requireImport(interpreter: string, signal?: AbortSignal): Promise<void> {
  try {
    await runProgram(interpreter, ['-s', '-c', 'import torch, transformers'], { env: { ...process.env, PYTHONPATH: '' }, signal });
  } catch (cause) {
    if (signal?.aborted === true) throw new EdgeVlmError('CANCELLED', 'cancelled', { cause });
    const said = EdgeVlmError.from(cause).message.trim().split('\n').at(-1) ?? '';
    throw new EdgeVlmError('LOAD_ERROR', `PyTorch was installed and does not start: ${said}`, { cause });
  }
}

function explain(thrown: unknown, torchIndex: string): EdgeVlmError {
  const error = EdgeVlmError.from(thrown);
  if (error.code !== 'DOWNLOAD_FAILED' || torchIndex === 'pip') return error;
  return new EdgeVlmError('DOWNLOAD_FAILED', `PyTorch could not be had from ${redact(torchIndex)}: ${error.message}`, {
    cause: thrown,
    hint: 'Run it again; or name another index with --torch-index, or pass --torch-index pip to take it from where pip takes all else (on Linux that brings CUDA, some 5 GB).',
  });
}
