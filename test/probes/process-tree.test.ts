import { execFileSync, fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { NvidiaSmiProbe } from '../../src/bench/probes/nvidia-smi.js';
import { ProcTree } from '../../src/bench/probes/proc-tree.js';
import { PsTree } from '../../src/bench/probes/ps-tree.js';
import { ResourceSampler } from '../../src/bench/probes/resources/resource-sampler.js';

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

const MIB = 1024 * 1024;
const HELD = 64 * MIB;
/** The rest of a Node process, generously. */
const NODE = 150 * MIB;

/** Three processes, one the child of the other, that hold 64 MiB each. */
let root: ChildProcess;
beforeEach(async () => {
  root = fork(fileURLToPath(new URL('children/holder.mjs', import.meta.url)), ['64', '2'], { env: { ...process.env, NODE_OPTIONS: '' } });
  expect(await once(root, 'message')).toContain('ready');
});
afterEach(async () => {
  if (root.exitCode !== null || root.signalCode !== null) return;
  root.disconnect();
  await once(root, 'exit');
});

const roots = (): number[] => [root.pid ?? -1];
const noGpu = { why: 'none here', read: () => Promise.resolve(null) } as unknown as NvidiaSmiProbe;

/** What `ps` says of the three, and of nobody else. */
function byPs(): { readonly pids: number[]; readonly rss_bytes: number } {
  const rows = execFileSync('ps', ['-A', '-o', 'pid=,ppid=,rss='], { encoding: 'utf8' })
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/\s+/).map(Number));
  const pids = roots();
  for (const pid of pids) pids.push(...rows.filter(([, parent]) => parent === pid).map(([child = 0]) => child));
  const tree = rows.filter(([pid = 0]) => pids.includes(pid));
  return { pids, rss_bytes: tree.reduce((sum, [, , kibibytes = 0]) => sum + kibibytes * 1024, 0) };
}

function ofStatus(pid: number, field: string): number {
  return 1024 * Number(new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
}

describe.runIf(process.platform === 'linux')('a process tree, beside ps and /proc/PID/status', () => {
  it('has the processes and the memory that they show', async () => {
    const tree = new ProcTree(roots);
    const { memory, pids } = await tree.read({ pss: true });
    const expected = byPs();
    await tree.close();
    expect([...pids].sort()).toEqual([...expected.pids].sort());
    expect(memory.processes).toBe(3);
    // The three do nothing meanwhile but collect their garbage.
    expect(Math.abs((memory.rss_bytes ?? 0) / expected.rss_bytes - 1)).toBeLessThan(0.02);
    const peaks = expected.pids.reduce((sum, pid) => sum + ofStatus(pid, 'VmHWM'), 0);
    expect(Math.abs((memory.peakRss_bytes ?? 0) / peaks - 1)).toBeLessThan(0.02);
    // Node's own pages are shared between the three: PSS counts them once, RSS three times.
    expect(memory.pss_bytes).toBeLessThan((memory.rss_bytes ?? 0) - 20 * MIB);
    expect(memory.pss_bytes).toBeGreaterThan(3 * HELD);
    expect(memory.rssAnon_bytes).toBeGreaterThan(3 * HELD);
  });

  it('has the same by `ps` alone, as on macOS', async () => {
    const tree = new PsTree(roots);
    const { memory, pids, cpu_ms } = await tree.read();
    const expected = byPs();
    expect([...pids].sort()).toEqual([...expected.pids].sort());
    expect(Math.abs((memory.rss_bytes ?? 0) / expected.rss_bytes - 1)).toBeLessThan(0.02);
    expect([memory.pss_bytes, memory.peakRss_bytes]).toEqual([null, null]);
    expect(cpu_ms).toBeGreaterThanOrEqual(0);
  });

  it('keeps a process whose parent ends, and loses nothing of the time of one that ends', async () => {
    const tree = new ProcTree(roots);
    const before = await tree.read({ pss: false });
    const [, middle = 0, last = 0] = byPs().pids;
    process.kill(middle, 'SIGKILL');
    let after = await tree.read({ pss: false });
    for (let round = 0; after.pids.has(middle) && round < 100; round++) {
      await sleep(20);
      after = await tree.read({ pss: false });
    }
    // Its parent may have been read just before it took over the time.
    after = await tree.read({ pss: false });
    expect([...after.pids].sort()).toEqual([...roots(), last].sort());
    expect(after.cpu_ms).toBeGreaterThanOrEqual(before.cpu_ms ?? Infinity);
    await tree.close();
    process.kill(last, 'SIGKILL');
  });

  it('is empty for a process that ended, whatever has its number now', async () => {
    const tree = new ProcTree(roots);
    await tree.read({ pss: false });
    for (const pid of byPs().pids.reverse()) process.kill(pid, 'SIGKILL');
    await once(root, 'exit');
    let reading = await tree.read({ pss: true });
    for (let round = 0; reading.pids.size > 0 && round < 100; round++) {
      await sleep(20);
      reading = await tree.read({ pss: true });
    }
    expect(reading.memory).toMatchObject({ processes: 0, rss_bytes: null, pss_bytes: null });
    expect(reading.cpu_ms).toBeNull();
    await tree.close();
  });
});

describe.runIf(process.platform === 'linux')('the sampler', () => {
  it('counts processor time and the peak of the tree, as the kernel does, and says what it cost', async () => {
    const ticks = (pid: number): number =>
      readFileSync(`/proc/${pid}/stat`, 'utf8')
        .split(') ')[1]
        ?.split(' ')
        .slice(11, 13)
        .reduce((sum, field) => sum + 10 * Number(field), 0) ?? NaN;
    const { pids } = byPs();
    const time = (): number => pids.reduce((sum, pid) => sum + ticks(pid), 0);
    const sampler = ResourceSampler.start({ pids: roots, interval_ms: 100, probes: { gpu: noGpu } });
    await sampler.memory();
    const before_ms = time();
    root.send({ busy_ms: 300 });
    await once(root, 'message');
    const after_ms = time();
    const { use, thermal } = await sampler.stop();
    // 10 ms each way for every process, and what they did before and after: Node has threads of its own.
    expect(Math.abs((use.cpu.time_ms ?? 0) - (after_ms - before_ms))).toBeLessThan(250);
    expect(use.cpu.time_ms).toBeGreaterThan(3 * 300 - 100);
    expect(use.cpu.cores).toBeCloseTo((use.cpu.time_ms ?? 0) / use.duration_ms, 9);
    expect(use.memory).toMatchObject({ processes: 3 });
    expect(use.memory.peakRss_bytes).toBeGreaterThan(3 * HELD);
    expect(use.memory.peakRss_bytes).toBeLessThanOrEqual(use.memory.sumOfPeakRss_bytes ?? 0);
    expect(use.memory.sumOfPeakRss_bytes).toBeLessThan(3 * (HELD + NODE));
    expect(use.memory.peakPss_bytes).toBeLessThan(use.memory.peakRss_bytes ?? 0);
    expect(use.sampling).toMatchObject({ interval_ms: 100 });
    expect(use.sampling.readings).toBeGreaterThan(1);
    expect(use.sampling.cost_ms).toBeGreaterThan(0);
    expect(use.sampling.maxCost_ms).toBeGreaterThanOrEqual(use.sampling.cost_ms);
    expect(use.absent['gpu']).toBe('none here');
    expect(use.series.find(({ name }) => name === 'rss')?.values.length).toBeGreaterThan(1);
    expect(thermal.length).toBeGreaterThan(0);
  });
});
