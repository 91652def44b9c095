import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { EdgeVlmError } from '../../core/errors.js';
import { redact } from '../../core/redact.js';
import { endAtAbort } from '../../host/end-at-abort.js';

/** What is kept of a failed installer's words. */
const LINES_KEPT = 40;
const LONGEST_MESSAGE = 500;

export interface InstallerCommand {
  readonly file: string;
  readonly args: readonly string[];
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal | undefined;
  /** Each line that it prints. */
  readonly onLine?: (line: string) => void;
}

/**
 * Runs pip, npm or the like to its end.
 * @throws LOAD_ERROR when it is not there; DISK_FULL; DOWNLOAD_FAILED with its last error; CANCELLED
 */
export async function runInstaller({ file, args, cwd, env, signal, onLine }: InstallerCommand): Promise<void> {
  const lines: string[] = [];
  const child = spawn(file, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...env },
    // Windows starts npm, a batch file, through its shell only.
    shell: file.endsWith('.cmd'),
    ...(cwd !== undefined && { cwd }),
  });
  const leave = endAtAbort(child, signal);
  const readers = [child.stdout, child.stderr].map(async (stream) => {
    for await (const line of createInterface({ input: stream })) {
      lines.push(line);
      if (lines.length > LINES_KEPT) lines.shift();
      onLine?.(line);
    }
  });
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('close', resolve);
    child.once('error', (cause) => {
      reject(new EdgeVlmError('LOAD_ERROR', `${file} does not start: ${cause.message}`, { cause }));
    });
  }).finally(leave);
  await Promise.all(readers);
  if (signal?.aborted === true && code !== 0) throw new EdgeVlmError('CANCELLED', 'stopped; the same command goes on from here');
  if (code === 0) return;
  const words = redact(lastError(lines)).slice(0, LONGEST_MESSAGE);
  const full = lines.some((line) => /No space left|ENOSPC/.test(line));
  throw new EdgeVlmError(full ? 'DISK_FULL' : 'DOWNLOAD_FAILED', `${file} ended with exit code ${code ?? 'none'}: ${words}`);
}

/** pip and npm begin an error with its name. */
function lastError(lines: readonly string[]): string {
  const errors = lines.filter((line) => /^(?:npm )?error\b/i.test(line));
  return (errors.length > 0 ? errors.slice(-2) : lines.slice(-2)).join(' ').trim();
}
