import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openProcessTree } from './open-process-tree.js';
import { ProcTree } from './proc-tree.js';
import { PsTree } from './ps-tree.js';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'edgevlm-tree-'));
});
afterEach(() => {
  rmSync(root, { recursive: true });
});

interface Sample {
  readonly parent: number;
  readonly name?: string;
  readonly state?: string;
  readonly rss?: number;
  readonly pss?: number | 'absent' | readonly number[];
  readonly ticks?: readonly [user: number, system: number, childUser: number, childSystem: number];
}

function place(pid: number, { parent, name = 'node', state = 'S', rss = 0, pss = 'absent', ticks = [0, 0, 0, 0] }: Sample): void {
  const write = (file: string, text: string): void => {
    const path = join(root, String(pid), file);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
  };
  write('stat', `${pid} (${name}) ${state} ${parent} 1 1 0 -1 4194304 1 2 3 4 ${ticks.join(' ')} 20 0 1 0 99 0 0\n`);
  const memory = state === 'Z' ? '' : `VmHWM:\t${2 * rss} kB\nVmRSS:\t${rss} kB\nRssAnon:\t${rss} kB\nVmSwap:\t1 kB\n`;
  write('status', `Name:\t${name}\nState:\t${state} (whatever)\n${memory}`);
  if (typeof pss === 'number') write('smaps_rollup', `0-1 ---p 0 0:0 0 [rollup]\nRss: 9 kB\nPss: ${pss} kB\n`);
  if (typeof pss === 'object') write('smaps', pss.map((part) => `0-1 r--p 0 0:0 0\nRss: 9 kB\nPss:    ${part} kB\n`).join(''));
}

describe('a tree from /proc', () => {
  it('is the processes and what they started, at any depth, and no other', async () => {
    place(10, { parent: 1, rss: 100, pss: 60, ticks: [1, 2, 3, 4] });
    // A name may hold anything: here, what looks like the end of one and another parent.
    place(11, { parent: 10, name: 'a) S 1 (b', rss: 20, pss: 20, ticks: [5, 0, 0, 0] });
    place(12, { parent: 11, rss: 3, pss: 3 });
    place(13, { parent: 1, rss: 4000, pss: 4000 });
    const tree = new ProcTree(() => [10], root);
    const { memory, cpu_ms, pids, peakRss_bytes } = await tree.read({ pss: true });
    await tree.close();
    expect([...pids]).toEqual([10, 11, 12]);
    expect(memory).toEqual({
      processes: 3,
      rss_bytes: 123 * 1024,
      peakRss_bytes: 246 * 1024,
      pss_bytes: 83 * 1024,
      rssAnon_bytes: 123 * 1024,
      swap_bytes: 3 * 1024,
    });
    expect(cpu_ms).toBe(150);
    expect([...peakRss_bytes]).toEqual([10, 11, 12].map((pid, at) => [pid, ([200, 40, 6][at] ?? 0) * 1024]));
  });

  it('is whole for everybody who asks at the same time', async () => {
    place(10, { parent: 1, rss: 100, pss: 60 });
    const tree = new ProcTree(() => [10], root);
    const readings = await Promise.all([1, 2, 3].map(() => tree.read({ pss: false })));
    await tree.close();
    expect(readings.map(({ memory }) => memory.rss_bytes)).toEqual([1, 2, 3].map(() => 100 * 1024));
  });

  it('a process that ended and is not yet forgotten has no memory, and its time counts', async () => {
    place(10, { parent: 1, rss: 100, pss: 60 });
    place(11, { parent: 10, state: 'Z', ticks: [7, 0, 0, 0] });
    const tree = new ProcTree(() => [10], root);
    const { memory, cpu_ms } = await tree.read({ pss: true });
    await tree.close();
    expect(memory).toMatchObject({ processes: 2, rss_bytes: 100 * 1024, pss_bytes: 60 * 1024 });
    expect(cpu_ms).toBe(70);
  });

  it('adds up the parts on a kernel that has no sum', async () => {
    place(10, { parent: 1, rss: 100, pss: [30, 12] });
    const tree = new ProcTree(() => [10], root);
    expect((await tree.read({ pss: true })).memory.pss_bytes).toBe(42 * 1024);
    expect((await tree.read({ pss: false })).memory.pss_bytes).toBeNull();
    await tree.close();
  });

  it('has no PSS where one process does not tell, and says why', async () => {
    place(10, { parent: 1, rss: 100, pss: 60 });
    place(11, { parent: 10, rss: 100 });
    const tree = new ProcTree(() => [10], root);
    expect((await tree.read({ pss: true })).memory).toMatchObject({ rss_bytes: 200 * 1024, pss_bytes: null });
    await tree.close();
    expect(tree.absent).toEqual({ pss: 'this kernel does not tell which pages are shared' });
  });

  // Root may read everything.
  it.skipIf(process.getuid?.() === 0)('takes a file that may not be read for what is not told', async () => {
    place(10, { parent: 1, rss: 100, pss: 60 });
    chmodSync(join(root, '10', 'smaps_rollup'), 0);
    const tree = new ProcTree(() => [10], root);
    expect((await tree.read({ pss: true })).memory).toMatchObject({ rss_bytes: 100 * 1024, pss_bytes: null });
    await tree.close();
    expect(tree.absent['pss']).toContain('owner');
  });

  it.each([
    ['nothing', ''],
    ['no brackets', '10 node S 1 2 3'],
    ['words for numbers', '10 (node) S one 1 1 0 -1 4194304 1 2 3 4 x y z w 20'],
    ['negative numbers', '10 (node) S 1 1 1 0 -1 4194304 1 2 3 4 -1 -1 -1 -1 20'],
  ])('has no time where stat holds %s', async (_, stat) => {
    place(10, { parent: 1, rss: 100 });
    writeFileSync(join(root, '10', 'stat'), stat);
    const tree = new ProcTree(() => [10], root);
    expect(await tree.read({ pss: false })).toMatchObject({ cpu_ms: null, memory: { rss_bytes: 100 * 1024 } });
    await tree.close();
  });

  it('is not led round in circles', async () => {
    place(10, { parent: 11, rss: 1 });
    place(11, { parent: 10, rss: 1 });
    const tree = new ProcTree(() => [10], root);
    expect((await tree.read({ pss: false })).memory.processes).toBe(2);
    await tree.close();
  });
});

describe('a tree from ps', () => {
  const tree = (text: string, roots = [10]): PsTree =>
    new PsTree(
      () => roots,
      () => Promise.resolve(text),
    );

  it('reads the times of Linux and of macOS', async () => {
    const text = '   10     1  100   1-02:03:04\n   12    11   30   0:01.25\n   11    10   20     00:00:02\n  999     1  999 00:10:00\n';
    const { memory, cpu_ms, pids } = await tree(text).read();
    expect([...pids].sort()).toEqual([10, 11, 12]);
    expect(memory).toMatchObject({ processes: 3, rss_bytes: 150 * 1024, pss_bytes: null });
    expect(cpu_ms).toBe(((26 * 60 + 3) * 60 + 4 + 2 + 1.25) * 1000);
  });

  it('keeps the time of what ended', async () => {
    let text = '10 1 100 00:00:05\n11 10 100 00:00:07\n';
    const ps = new PsTree(
      () => [10],
      () => Promise.resolve(text),
    );
    expect((await ps.read()).cpu_ms).toBe(12_000);
    text = '10 1 100 00:00:06\n';
    expect((await ps.read()).cpu_ms).toBe(13_000);
  });

  it.each([
    ['', 'nothing'],
    ['garbage\n1 2 3\n'.repeat(100), 'garbage'],
    [`${'9'.repeat(400)} 10 1 0:00.01\n`, 'numbers without end'],
  ])('is empty where ps prints %#: %s', async (text) => {
    expect(await tree(text).read()).toMatchObject({ cpu_ms: null, memory: { processes: 0, rss_bytes: null } });
  });
});

it('on a system that is not read all is null, and it says so', async () => {
  const tree = openProcessTree(() => [process.pid], 'win32');
  expect(await tree.read({ pss: true })).toMatchObject({ cpu_ms: null, memory: { rss_bytes: null } });
  expect(tree.absent).toEqual({ memory: 'processes of Windows are not read', cpu: 'processes of Windows are not read' });
});
