import { execFile, type ExecFileOptions } from 'node:child_process';
import { promisify } from 'node:util';
import { endAtAbort } from './end-at-abort.js';

const run = promisify(execFile);

export interface RunProgramOptions extends Omit<ExecFileOptions, 'signal' | 'killSignal' | 'encoding'> {
  /** Ends the program. */
  readonly signal?: AbortSignal | undefined;
  readonly killSignal?: NodeJS.Signals;
}

/**
 * Runs a program to its end, without a shell, and gives what it printed.
 * @throws as `execFile`; whatever failed, `signal.aborted` tells that it was ended
 */
export async function runProgram(
  file: string,
  args: readonly string[],
  { signal, ...options }: RunProgramOptions = {},
): Promise<{ stdout: string; stderr: string }> {
  signal?.throwIfAborted();
  const running = run(file, args, { ...options, encoding: 'utf8' });
  const leave = endAtAbort(running.child, signal, options.killSignal);
  try {
    return await running;
  } finally {
    leave();
  }
}
