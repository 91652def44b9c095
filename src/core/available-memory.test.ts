import { mkdir, mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { availableMemory, residentMemory } from './available-memory.js';

const MB = 1024 * 1024;

/** A machine with 1 GB free, and files of its kernel. */
async function machine(files: Readonly<Record<string, string>>): Promise<{ proc: string; cgroup: string }> {
  const root = await mkdtemp(join(tmpdir(), 'edgevlm-memory-'));
  for (const [path, text] of Object.entries({ 'proc/meminfo': `MemTotal: 9 kB\nMemAvailable:  ${1000 * 1024} kB\n`, ...files })) {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), text);
  }
  return { proc: join(root, 'proc'), cgroup: join(root, 'cgroup') };
}

describe('memory that may still be taken', () => {
  it('is what the machine has where nothing limits it', async () => {
    const unlimited = { 'proc/self/cgroup': '0::/user.slice\n', 'cgroup/user.slice/memory.max': 'max\n' };
    expect(availableMemory(await machine(unlimited))).toBe(1000 * MB);
    expect(availableMemory({ proc: '/nowhere', cgroup: '/nowhere', free: () => 7 })).toBe(7);
  });

  it('is what the tightest cgroup around leaves; what it only caches is free', async () => {
    const limited = await machine({
      'proc/self/cgroup': '0::/a.slice/b.service\n',
      'cgroup/a.slice/memory.max': `${500 * MB}\n`,
      'cgroup/a.slice/memory.current': `${300 * MB}\n`,
      'cgroup/a.slice/memory.stat': `anon 5\ninactive_file ${100 * MB}\nactive_file 7\n`,
      'cgroup/a.slice/b.service/memory.max': `${900 * MB}\n`,
      'cgroup/a.slice/b.service/memory.current': `${200 * MB}\n`,
    });
    expect(availableMemory(limited)).toBe(300 * MB);
  });

  it('in a container of version 1 is what the mount at the top says', async () => {
    const container = await machine({
      'proc/self/cgroup': '12:cpu,cpuacct:/docker/x\n9:memory:/docker/x\n',
      'cgroup/memory/memory.limit_in_bytes': `${256 * MB}\n`,
      'cgroup/memory/memory.usage_in_bytes': `${100 * MB}\n`,
      'cgroup/memory/memory.stat': `inactive_file 1\ntotal_inactive_file ${10 * MB}\n`,
    });
    expect(availableMemory(container)).toBe(166 * MB);
  });
});

it('memory of processes is added up, and not known where one is gone', async () => {
  const { proc } = await machine({ 'proc/7/status': 'VmRSS:\t  2048 kB\n', 'proc/8/status': 'VmRSS:\t  1024 kB\n' });
  expect(residentMemory([7, 8], proc)).toBe(3 * MB);
  expect(residentMemory([7, 9], proc)).toBeNull();
});
