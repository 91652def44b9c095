import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { defaultThreads } from './default-threads.js';

const roots: string[] = [];

afterEach(() => {
  for (const root of roots.splice(0)) rmSync(root, { recursive: true });
});

/** A machine whose CPUs belong to `cores` and have `capacities`, where the kernel tells them. */
function machine(allowed: string, cores: readonly string[], capacities: readonly number[] = []): string {
  const root = mkdtempSync(path.join(os.tmpdir(), 'edgevlm-cpus-'));
  roots.push(root);
  mkdirSync(path.join(root, 'proc/self'), { recursive: true });
  writeFileSync(path.join(root, 'proc/self/status'), `Name:\tnode\nCpus_allowed_list:\t${allowed}\nThreads:\t11\n`);
  cores.forEach((siblings, cpu) => {
    const folder = path.join(root, `sys/devices/system/cpu/cpu${cpu}`);
    mkdirSync(path.join(folder, 'topology'), { recursive: true });
    writeFileSync(path.join(folder, 'topology/thread_siblings_list'), `${siblings}\n`);
    if (capacities[cpu] !== undefined) writeFileSync(path.join(folder, 'cpu_capacity'), `${capacities[cpu]}\n`);
  });
  return root;
}

describe('threads that nobody chose', () => {
  it('are as many as the cores of a small board', () => {
    expect(defaultThreads(machine('0-3', ['0', '1', '2', '3'], [1024, 1024, 1024, 1024]))).toBe(4);
  });

  it('are one for every core, not for its second hardware thread', () => {
    expect(defaultThreads(machine('0-7', ['0,4', '1,5', '2,6', '3,7', '0,4', '1,5', '2,6', '3,7']))).toBe(4);
  });

  it('leave out the small cores of a big.LITTLE processor', () => {
    expect(defaultThreads(machine('0-7', ['0', '1', '2', '3', '4', '5', '6', '7'], [414, 414, 414, 414, 1024, 1024, 1024, 1024]))).toBe(4);
  });

  it('keep to the CPUs this process may use', () => {
    expect(defaultThreads(machine('1,3', ['0', '1', '2', '3']))).toBe(2);
  });

  it('are at most eight', () => {
    expect(
      defaultThreads(
        machine(
          '0-63',
          Array.from({ length: 64 }, (_, cpu) => String(cpu)),
        ),
      ),
    ).toBe(8);
  });

  it('follow the operating system where the kernel says nothing', () => {
    const root = mkdtempSync(path.join(os.tmpdir(), 'edgevlm-cpus-'));
    roots.push(root);
    expect(defaultThreads(root)).toBe(Math.min(os.availableParallelism(), 8));
  });
});
