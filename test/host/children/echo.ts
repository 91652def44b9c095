import { writeSync } from 'node:fs';
import { serve } from '../../../src/host/child.js';

/** What the test child can do; shared with the test. */
export interface EchoProtocol {
  echo: { request: unknown; event: never; result: unknown };
  count: { request: { to: number; forever?: boolean }; event: number; result: 'done' | 'cancelled' };
  fail: { request: { coded: boolean }; event: never; result: never };
  uncloneable: { request: null; event: unknown; result: null };
  say: { request: { stderr: string; stdout: string }; event: never; result: null };
  die: { request: NodeJS.Signals | number | 'abort' | 'throw'; event: never; result: null };
  spin: { request: null; event: never; result: never };
  garbage: { request: null; event: never; result: null };
  cleanups: { request: null; event: never; result: number };
}

let cleanups = 0;
const idle = (ms = 0): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

function writeAll(descriptor: number, text: string): void {
  const bytes = Buffer.from(text);
  for (let offset = 0; offset < bytes.length;) offset += writeSync(descriptor, bytes, offset);
}

if (process.env['ECHO_START'] === 'throw') throw new Error('cannot start: no vocabulary');
if (process.env['ECHO_START'] === 'hang') await idle(600_000);

/* eslint-disable require-yield -- most requests have no events */
await serve<EchoProtocol>({
  async *echo(payload) {
    await idle();
    return payload;
  },
  async *count({ to, forever = false }, signal) {
    try {
      for (let i = 0; i < to; i++) {
        yield i;
        await idle();
      }
      while (forever && !signal.aborted) await idle(5);
      return signal.aborted ? 'cancelled' : 'done';
    } finally {
      cleanups++;
    }
  },
  async *fail({ coded }) {
    await idle();
    const { EdgeVlmError } = await import('../../../src/core/errors.js');
    if (coded) throw new EdgeVlmError('GGUF_TRUNCATED', 'the file ends at byte 12', { hint: 'Try again.' });
    throw new RangeError('off by one');
  },
  async *uncloneable() {
    try {
      await idle();
      yield () => 1;
      return null;
    } finally {
      cleanups++;
    }
  },
  async *say({ stderr, stdout }) {
    await idle();
    // Straight to the descriptors, as native code does.
    writeAll(1, stdout);
    writeAll(2, stderr);
    return null;
  },
  async *die(how) {
    await idle();
    if (how === 'abort') process.abort();
    if (how === 'throw')
      setImmediate(() => {
        throw new TypeError('nobody caught this');
      });
    else if (typeof how === 'number') process.exit(how);
    else process.kill(process.pid, how);
    await idle(600_000);
    return null;
  },
  async *spin() {
    await idle();
    for (;;);
  },
  async *garbage() {
    await idle();
    process.send?.({ token: 'not ours' });
    return null;
  },
  async *cleanups() {
    await idle();
    return cleanups;
  },
});
