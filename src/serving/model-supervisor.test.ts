import { type ChildProcess, spawn } from 'node:child_process';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { EdgeVlmError } from '../core/errors.js';
import { Logger } from '../core/logger.js';
import type { OpenRuntime } from '../core/runtime.js';
import { ModelSupervisor } from './model-supervisor.js';

const logger = new Logger({ sink: () => undefined });
const never = new AbortController().signal;
const generator: OpenRuntime['generator'] = {
  description: {
    ...{ name: 'm', architecture: 'llama', precision: 'F16', parameters: 1, contextLength: 1, vocabularySize: 1 },
    ...{ vision: null, weightBytes: 1, cacheBytes: 1, load_ms: 1, warnings: [] },
  },
  generate: () => {
    throw new Error('nobody asks');
  },
  close: () => Promise.resolve(),
};
const children: ChildProcess[] = [];

afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
});

/** A runtime whose process is a real one. */
function openSleeper(): Promise<OpenRuntime> {
  const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore', env: {} });
  children.push(child);
  const pids = (): number[] => (child.pid === undefined ? [] : [child.pid]);
  const close = (): Promise<void> => {
    child.kill('SIGKILL');
    return Promise.resolve();
  };
  return Promise.resolve({ generator, effectivePrecision: 'F16', load_ms: 1, pids, close });
}

describe('the supervisor', () => {
  it('notices that a process is gone, and starts another', async () => {
    const supervisor = await ModelSupervisor.start({ open: openSleeper, logger, watch_ms: 10 }, never);
    const [before] = supervisor.pids();
    process.kill(before ?? NaN, 'SIGKILL');
    await vi.waitFor(() => {
      expect([supervisor.state, supervisor.restarts]).toEqual(['ready', 1]);
    });
    expect(supervisor.pids()).not.toEqual([before]);
    await supervisor.close();
    expect(supervisor.state).toBe('stopped');
    await expect(supervisor.runtime()).rejects.toMatchObject({ code: 'SHUTTING_DOWN' });
  });

  it('waits longer after every start in a row that failed, and tells who asks', async () => {
    let failures = 0;
    const times: number[] = [];
    const open = (): Promise<OpenRuntime> => {
      times.push(performance.now());
      if (times.length === 1 || failures >= 4) return openSleeper();
      failures++;
      return Promise.reject(new EdgeVlmError('OUT_OF_MEMORY', 'there is none'));
    };
    const supervisor = await ModelSupervisor.start({ open, logger, backoff_ms: 20, watch_ms: 10_000 }, never);
    supervisor.died(await supervisor.runtime());
    await expect(supervisor.runtime()).rejects.toMatchObject({
      code: 'ENGINE_CRASHED',
      message: expect.stringContaining('there is none') as string,
    });
    await vi.waitFor(() => {
      expect([supervisor.state, failures]).toEqual(['ready', 4]);
    });
    // 0, 20, 40, 80 and 160 ms after the one before; timers are never early by more than a millisecond.
    const waits = times.slice(2).map((time, index) => time - (times[index + 1] ?? 0));
    waits.forEach((wait, index) => {
      expect(wait).toBeGreaterThanOrEqual(20 * 2 ** index - 2);
    });
    await supervisor.close();
  });

  it('fails to start where the model cannot be loaded at all', async () => {
    const open = (): Promise<OpenRuntime> => Promise.reject(new EdgeVlmError('FILE_NOT_FOUND', 'no model'));
    await expect(ModelSupervisor.start({ open, logger }, never)).rejects.toMatchObject({ code: 'FILE_NOT_FOUND' });
  });

  it('may be closed while a start waits for its turn', async () => {
    let first = true;
    const open = (): Promise<OpenRuntime> => {
      if (!first) return Promise.reject(new EdgeVlmError('OUT_OF_MEMORY', 'there is none'));
      first = false;
      return openSleeper();
    };
    const supervisor = await ModelSupervisor.start({ open, logger, backoff_ms: 60_000, watch_ms: 10_000 }, never);
    supervisor.died(await supervisor.runtime());
    await expect(supervisor.runtime()).rejects.toMatchObject({ code: 'ENGINE_CRASHED' });
    await supervisor.close();
  });
});
