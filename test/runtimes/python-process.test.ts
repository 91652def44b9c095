import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, test } from 'vitest';
import { EdgeVlmError } from '../../src/core/errors.js';
import { isProcessAlive } from '../../src/core/is-process-alive.js';
import { PythonProcess, type PythonPatience } from '../../src/runtimes/python/python-process.js';
import type { WorkerToken } from '../../src/runtimes/worker/worker-generator.js';

const FAKE = fileURLToPath(new URL('children/fake-python.ts', import.meta.url));
const REQUEST = { model: 'm', device: 'cpu', precision: 'fp32', threads: null, context: null, allow_remote_code: false, revision: null };
const PROMPT = { input: { prompt: 'Go.' }, maxTokens: 3 };
const never = new AbortController().signal;
const started: PythonProcess[] = [];

afterEach(async () => {
  await Promise.all(started.splice(0).map((python) => python.close()));
});

async function start(fault: string, patience: PythonPatience & { signal?: AbortSignal } = {}): Promise<PythonProcess> {
  const python = await PythonProcess.start({ file: process.execPath, args: [FAKE, fault], cwd: process.cwd(), env: {} }, patience);
  started.push(python);
  return python;
}

async function errorOf(promise: Promise<unknown>): Promise<EdgeVlmError> {
  const error: unknown = await promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof EdgeVlmError)) throw new Error(`expected an EdgeVlmError, got ${String(error)}`);
  return error;
}

/** One that nobody has asked for its exit code keeps its number, though it is dead. */
function runs(pid: number): boolean {
  if (!isProcessAlive(pid)) return false;
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return isProcessAlive(pid);
  }
}

test('a model loads, tokens stream and the answer comes', async () => {
  const python = await start('ten');
  expect(await python.load(REQUEST)).toMatchObject({ architecture: 'Fake', parameters: 1 });
  const tokens: WorkerToken[] = [];
  const answer = await python.generate(PROMPT, never, (token) => tokens.push(token));
  expect(tokens).toHaveLength(10);
  // Its clock is an hour ahead; its times are told in ours.
  for (const { at_ms = Infinity } of tokens) expect(Math.abs(at_ms - performance.now())).toBeLessThan(60_000);
  expect(answer).toMatchObject({ finishReason: 'stop', promptTokens: 1, stages: { encode_ms: null, sample_ms: null } });
});

test('cancelling ends the generation, and the process goes on', async () => {
  const python = await start('none');
  const abort = new AbortController();
  const answer = await python.generate(PROMPT, abort.signal, () => {
    abort.abort();
  });
  expect(answer.finishReason).toBe('cancelled');
  expect(await python.load(REQUEST)).toMatchObject({ architecture: 'Fake' });
});

describe('what goes wrong at the start', () => {
  test.each([
    ['import', 'LOAD_ERROR', /libtorch/],
    ['dies', 'ENGINE_CRASHED', /exit code 1: .*No module named torch/],
    ['version', 'LOAD_ERROR', /version 9/],
  ])('%s', async (fault, code, words) => {
    const error = await errorOf(start(fault));
    expect(error.code).toBe(code);
    expect(error.message).toMatch(words);
    expect(error.message).not.toContain('secret');
  });

  test('silence', async () => {
    expect((await errorOf(start('silent', { ready_ms: 300 }))).code).toBe('ENGINE_TIMEOUT');
  });

  test('being cancelled', async () => {
    expect((await errorOf(start('silent', { signal: AbortSignal.timeout(100) }))).code).toBe('CANCELLED');
  });

  test('no such program', async () => {
    const missing = PythonProcess.start({ file: '/no/such/python', args: [], cwd: process.cwd(), env: {} });
    expect((await errorOf(missing)).message).toMatch(/ENOENT/);
  });
});

describe('what goes wrong later', () => {
  test.each([
    ['garbage', 'ENGINE_CRASHED', /not a message/],
    ['long line', 'ENGINE_CRASHED', /not a message/],
    ['crash', 'ENGINE_CRASHED', /SIGSEGV.*something gave way/],
  ])('%s', async (fault, code, words) => {
    const python = await start(fault);
    const error = await errorOf(python.generate(PROMPT, never, () => undefined));
    expect(error.code).toBe(code);
    expect(error.message).toMatch(words);
    await python.exited;
    // What comes after fails at once, in the same way.
    expect((await errorOf(python.load(REQUEST))).code).toBe(code);
  });

  test('out of memory is told, with what to do', async () => {
    const error = await errorOf((await start('memory')).load(REQUEST));
    expect(error.code).toBe('OUT_OF_MEMORY');
    expect(error.hint).toMatch(/smaller model or precision/);
  });

  test('an answer to something else', async () => {
    expect((await errorOf((await start('mixed up')).load(REQUEST))).message).toMatch(/not a message/);
  });

  test('a generation that does not heed its cancellation is killed', async () => {
    const python = await start('hang', { cancelGrace_ms: 100 });
    const abort = new AbortController();
    const error = await errorOf(
      python.generate(PROMPT, abort.signal, () => {
        abort.abort();
      }),
    );
    expect(error.code).toBe('ENGINE_TIMEOUT');
    await python.exited;
  });

  test('loading is cancelled by ending the process', async () => {
    const python = await start('loads for ever');
    expect((await errorOf(python.load(REQUEST, AbortSignal.timeout(100)))).code).toBe('CANCELLED');
    await python.exited;
  });
});

test.skipIf(process.platform === 'win32').each(['stays', 'leaves'])('closing ends one that %s, and all that it started', async (fault) => {
  const python = await start(fault, { stopGrace_ms: fault === 'stays' ? 100 : 10_000 });
  let grandchild = 0;
  const seen = new Promise<void>((resolve) => {
    void python
      .generate(PROMPT, never, ({ token }) => {
        grandchild = token ?? 0;
        resolve();
      })
      .catch(() => undefined);
  });
  await seen;
  const { pid } = python;
  await python.close();
  await python.close();
  expect(isProcessAlive(pid ?? -1)).toBe(false);
  await expect.poll(() => runs(grandchild)).toBe(false);
});
