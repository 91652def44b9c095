#!/usr/bin/env node
import { CommanderError } from 'commander';
import { EdgeVlmError } from '../core/errors.js';
import { createProgram } from './program.js';
import { Terminal } from './terminal.js';

/** Runs the command line `argv` (without node and script) and gives the process's exit code. */
async function main(argv: readonly string[]): Promise<number> {
  const interrupt = new AbortController();
  process.on('SIGINT', () => {
    // The engine's process ends by itself as soon as this one is gone.
    if (interrupt.signal.aborted) process.exit(130);
    interrupt.abort();
  });
  const terminal = new Terminal({
    // An error in the arguments must be told in the right form before they are parsed.
    json: argv.includes('--json'),
    onOutputClosed: () => {
      interrupt.abort();
    },
  });

  let failure: EdgeVlmError | undefined;
  try {
    const program = await createProgram({ terminal, signal: interrupt.signal }, argv);
    await program.parseAsync(argv, { from: 'user' });
  } catch (thrown) {
    if (thrown instanceof CommanderError && thrown.exitCode === 0) return 0;
    failure = asEdgeVlmError(thrown);
    // A command that only groups others was called without one: its help is the message.
    if (thrown instanceof CommanderError && thrown.code === 'commander.help') return failure.exitCode;
  }
  await terminal.flush();
  failure = terminal.outputFailure ?? failure;
  // `edgevlm caption … | head -1`: nobody wants the rest.
  if (terminal.outputClosed || failure === undefined) return terminal.exitCode;
  terminal.error(failure);
  return failure.exitCode;
}

function asEdgeVlmError(thrown: unknown): EdgeVlmError {
  if (!(thrown instanceof CommanderError)) return EdgeVlmError.from(thrown);
  return new EdgeVlmError('USAGE', thrown.message.replace(/^error: /, ''));
}

process.exitCode = await main(process.argv.slice(2));
