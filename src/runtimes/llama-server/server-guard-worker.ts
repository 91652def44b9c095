import { spawn, type ChildProcess as NodeChild } from 'node:child_process';
import { serve } from '../../host/child.js';
import { describeExit, exitCause, nativeMessage } from '../../host/exit-cause.js';
import type { ServerCommand, ServerEnd, ServerGuardProtocol } from './llama-server-protocol.js';

/** Runs a foreign program and ends it with our own process, however that ends: a program does not look after its parent by itself. */

/** What is kept of the program's last words. */
const OUTPUT_KEPT = 16 * 1024;
const LEAVE_MS = 3000;

let server: NodeChild | undefined;

// Before `serve` ends this process for the same reason.
process.on('disconnect', () => server?.kill('SIGKILL'));

await serve<ServerGuardProtocol>({
  async *run(command, signal) {
    const child = start(command);
    server = child;
    const ended = end(child);
    const stop = (): void => {
      child.kill('SIGTERM');
      setTimeout(() => child.kill('SIGKILL'), LEAVE_MS).unref();
    };
    signal.addEventListener('abort', stop, { once: true });
    if (child.pid !== undefined) yield { pid: child.pid };
    if (signal.aborted) stop();
    return ended;
  },
});

function start({ program, args, env }: ServerCommand): NodeChild {
  return spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...env } });
}

function end(child: NodeChild): Promise<ServerEnd> {
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (text: string) => {
      output = (output + text).slice(-OUTPUT_KEPT);
    });
  }
  return new Promise((resolve) => {
    const say = (cause: string, killed: boolean): void => {
      const complaints = output.split('\n').filter((line) => /\b(?:error|failed|cannot|unable|invalid)\b/i.test(line));
      const outOfMemory = killed || /out of memory|failed to allocate|bad_alloc|cudaMalloc failed/i.test(output);
      resolve({ cause, words: nativeMessage((complaints.length > 0 ? complaints.slice(0, 3) : [output]).join('\n')), outOfMemory });
    };
    child.once('error', (error) => {
      if (child.pid === undefined) say(`could not be started: ${error.message}`, false);
    });
    // Its output is complete by then.
    child.once('close', (code, signal) => {
      say(describeExit(exitCause(code, signal)), signal === 'SIGKILL');
    });
  });
}
