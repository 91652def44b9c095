import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';

const MAIN = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));

export interface CliResult {
  /** Exit code; null when a signal ended it. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CliOptions {
  readonly cwd: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** Starts the command line from its sources, with pipes for its output as a script would. */
export function startCli(args: readonly string[], { cwd, env = {} }: CliOptions): ChildProcess {
  // vitest puts tsx into NODE_OPTIONS. What the machine's user has set or stored must not matter.
  const clean = { ...process.env, DEBUG: '', HOME: cwd, EDGEVLM_HOME: cwd, HF_HOME: cwd, ...env };
  return spawn(process.execPath, [MAIN, ...args], { cwd, env: clean, stdio: ['ignore', 'pipe', 'pipe'] });
}

/** Runs the command line to its end. */
export async function runCli(args: readonly string[], options: CliOptions): Promise<CliResult> {
  const child = startCli(args, options);
  const { stdout, stderr } = child;
  if (stdout === null || stderr === null) throw new Error('the command line has no pipes');
  const [out, errors] = await Promise.all([text(stdout), text(stderr), once(child, 'close')]);
  return { code: child.exitCode, stdout: out, stderr: errors };
}
