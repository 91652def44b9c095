import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, test } from 'vitest';
import { EdgeVlmError } from '../../src/core/errors.js';
import { ChildProcess, type StartOptions } from '../../src/host/child-process.js';
import { siblingEntry } from '../../src/host/sibling-entry.js';
import type { EchoProtocol } from './children/echo.js';

const entry = siblingEntry('./children/echo', import.meta.url);
const children: ChildProcess<EchoProtocol>[] = [];

async function start(options: StartOptions = {}): Promise<ChildProcess<EchoProtocol>> {
  const child = await ChildProcess.start<EchoProtocol>(entry, { name: 'the test child', ...options });
  children.push(child);
  return child;
}

async function errorOf(promise: Promise<unknown>): Promise<EdgeVlmError> {
  const error: unknown = await promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof EdgeVlmError)) throw new Error(`expected an EdgeVlmError, got ${String(error)}`);
  return error;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

afterEach(async () => {
  await Promise.all(children.splice(0).map((child) => child.stop()));
});

describe('requests', () => {
  test('a result comes back as it was sent, typed arrays and all', async () => {
    const child = await start();
    const sent = { big: 2n ** 70n, map: new Map([['a', [1, null]]]), pixels: new Uint8Array([1, 2, 3]).subarray(1), absent: undefined };
    expect(await child.request('echo', sent)).toEqual(sent);
  });

  test('64 MB of floats make the round trip', async () => {
    const child = await start();
    const sent = Float32Array.from({ length: 16 * 1024 * 1024 }, (_, i) => i);
    const back = await child.request('echo', sent);
    expect(back).toBeInstanceOf(Float32Array);
    expect(
      Buffer.compare(
        Buffer.from((back as Float32Array).buffer, (back as Float32Array).byteOffset, sent.byteLength),
        Buffer.from(sent.buffer),
      ),
    ).toBe(0);
  });

  test('events arrive in order and before the result', async () => {
    const child = await start();
    const events: number[] = [];
    expect(await child.request('count', { to: 100 }, { onEvent: (event) => events.push(event) })).toBe('done');
    expect(events).toEqual(Array.from({ length: 100 }, (_, i) => i));
  });

  test('requests run side by side and each gets its own events', async () => {
    const child = await start();
    const run = async (to: number): Promise<number> => {
      let sum = 0;
      await child.request('count', { to }, { onEvent: (event) => (sum += event) });
      return sum;
    };
    expect(await Promise.all([run(10), run(20), run(30)])).toEqual([45, 190, 435]);
  });

  test('an error of the child keeps its code, message and hint; others become INTERNAL', async () => {
    const child = await start();
    expect((await errorOf(child.request('fail', { coded: true }))).toJSON()).toEqual({
      code: 'GGUF_TRUNCATED',
      message: 'the file ends at byte 12',
      hint: 'Try again.',
    });
    expect(await errorOf(child.request('fail', { coded: false }))).toMatchObject({ code: 'INTERNAL', message: 'off by one' });
    expect(await child.request('echo', 'alive')).toBe('alive');
  });

  test('what cannot be cloned is an error of that request alone, on either side', async () => {
    const child = await start();
    expect(await errorOf(child.request('echo', () => 1))).toMatchObject({ code: 'INTERNAL' });
    expect(await errorOf(child.request('uncloneable', null))).toMatchObject({ code: 'INTERNAL' });
    expect(await child.request('cleanups', null)).toBe(1);
  });

  test('what a listener throws becomes the error of its request, and cancels it', async () => {
    const child = await start();
    const request = child.request(
      'count',
      { to: 5, forever: true },
      {
        onEvent: () => {
          throw new EdgeVlmError('FILE_UNWRITABLE', 'disk full');
        },
      },
    );
    expect(await errorOf(request)).toMatchObject({ code: 'FILE_UNWRITABLE' });
    await expect.poll(() => child.request('cleanups', null)).toBe(1);
  });
});

describe('cancelling', () => {
  test('an abort reaches the handler, which ends the request its own way', async () => {
    const child = await start();
    const abort = new AbortController();
    const onEvent = (event: number): void => {
      if (event === 2) abort.abort();
    };
    expect(await child.request('count', { to: 3, forever: true }, { signal: abort.signal, onEvent })).toBe('cancelled');
    expect(await child.request('count', { to: 1, forever: true }, { signal: AbortSignal.abort() })).toBe('cancelled');
  });

  test('a stream yields events, returns the result, and cancels when its reader leaves', async () => {
    const child = await start();
    const whole = child.stream('count', { to: 3 });
    const steps: unknown[] = [];
    for (let step = await whole.next(); ; step = await whole.next()) {
      steps.push(step.value);
      if (step.done === true) break;
    }
    expect(steps).toEqual([0, 1, 2, 'done']);

    for await (const event of child.stream('count', { to: 3, forever: true })) if (event === 1) break;
    expect(await child.request('cleanups', null)).toBe(2);
    expect(await errorOf(child.stream('fail', { coded: true }).next())).toMatchObject({ code: 'GGUF_TRUNCATED' });
  });

  test('a missed deadline rejects, cancels the work, and leaves the child in service', async () => {
    const child = await start();
    expect(await errorOf(child.request('count', { to: 1, forever: true }, { deadline_ms: 20 }))).toMatchObject({ code: 'ENGINE_TIMEOUT' });
    await expect.poll(() => child.request('cleanups', null)).toBe(1);
  });

  test('a child that hangs past deadline and grace is killed, and everything else it was doing fails', async () => {
    const child = await start({ cancelGrace_ms: 50 });
    const other = errorOf(child.request('count', { to: 1, forever: true }));
    expect(await errorOf(child.request('spin', null, { deadline_ms: 50 }))).toMatchObject({ code: 'ENGINE_TIMEOUT' });
    expect(await other).toMatchObject({ code: 'ENGINE_TIMEOUT', message: expect.stringContaining('hung') as string });
    expect(await child.exited).toEqual({ kind: 'signal', signal: 'SIGKILL' });
  });
});

describe('crashes', () => {
  test.each([
    ['abort', 'SIGABRT'],
    ['SIGSEGV', 'SIGSEGV'],
    ['SIGKILL', 'SIGKILL (probably out of memory)'],
    [7, 'exit code 7'],
    ['throw', 'TypeError: nobody caught this'],
  ] as const)('%s rejects every pending request with the cause, and this process lives', async (how, words) => {
    const child = await start();
    const pending = [child.request('count', { to: 1, forever: true }), child.request('die', how)].map(errorOf);
    for (const error of await Promise.all(pending)) {
      expect(error).toMatchObject({ code: 'ENGINE_CRASHED', message: expect.stringContaining(words) as string });
    }
    expect(await errorOf(child.request('echo', 1))).toMatchObject({ code: 'ENGINE_CRASHED' });
  });

  test('the last words of native code are part of the error; a flood of output before them does no harm', async () => {
    const child = await start();
    const flood = 'loading…\n'.repeat(200_000);
    const words = '/home/builder/llama/ggml/src/ggml.c:3156: GGML_ASSERT(a->ne[0] == b->ne[0]) failed\n';
    await child.request('say', { stderr: `${flood}${words}`, stdout: flood });
    const { message } = await errorOf(child.request('die', 'abort'));
    expect(message).toBe(
      'the test child was ended by SIGABRT (native code gave up): ggml.c:3156: GGML_ASSERT(a->ne[0] == b->ne[0]) failed',
    );
  });

  test('a message that is not of the protocol ends the child', async () => {
    const child = await start();
    expect(await errorOf(child.request('garbage', null))).toMatchObject({
      code: 'ENGINE_CRASHED',
      message: 'the test child sent something that is not a message',
    });
  });

  test('a child that cannot start tells why; one that never gets ready is killed', async () => {
    expect(await errorOf(start({ env: { ECHO_START: 'throw' } }))).toMatchObject({
      code: 'ENGINE_CRASHED',
      message: expect.stringContaining('cannot start: no vocabulary') as string,
    });
    expect(await errorOf(start({ env: { ECHO_START: 'hang' }, ready_ms: 1000 }))).toMatchObject({ code: 'ENGINE_TIMEOUT' });
    expect(await errorOf(ChildProcess.start(siblingEntry('./children/absent', import.meta.url)))).toMatchObject({ code: 'ENGINE_CRASHED' });
  });
});

describe('the end', () => {
  test('stop cancels what runs, rejects its callers, and the child leaves by itself', async () => {
    const child = await start();
    const pending = errorOf(child.request('count', { to: 1, forever: true }));
    expect(await child.stop()).toEqual({ kind: 'code', code: 0 });
    expect(await pending).toMatchObject({ code: 'CANCELLED' });
    expect(await child.stop()).toEqual({ kind: 'code', code: 0 });
    expect(await errorOf(child.request('echo', 1))).toMatchObject({ code: 'CANCELLED' });
  });

  test('a child that does not listen is ended by SIGTERM', async () => {
    const child = await start({ stopGrace_ms: 100 });
    void child.request('spin', null).catch(() => undefined);
    expect(await child.stop()).toEqual({ kind: 'signal', signal: 'SIGTERM' });
  });

  test('Ctrl-C, which a terminal sends to the whole group, is left to the parent', async () => {
    const child = await start();
    process.kill(child.pid ?? NaN, 'SIGINT');
    expect(await child.request('echo', 'still here')).toBe('still here');
  });

  test('a child does not outlive a parent that was killed', async () => {
    const parent = spawn(process.execPath, [fileURLToPath(siblingEntry('./children/parent', import.meta.url))], {
      stdio: ['ignore', 'pipe', 'inherit'],
      cwd: tmpdir(),
    });
    const [line] = (await once(parent.stdout, 'data')) as [Buffer];
    const pid = Number(line.toString());
    expect(isAlive(pid)).toBe(true);
    parent.kill('SIGKILL');
    await expect.poll(() => isAlive(pid), { timeout: 10_000 }).toBe(false);
  });
});
