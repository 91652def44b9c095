import { readFileSync } from 'node:fs';
import os from 'node:os';
import { join, posix } from 'node:path';

interface MemorySources {
  /** Where `/proc` is. */
  readonly proc: string;
  /** Where cgroups are mounted. */
  readonly cgroup: string;
  readonly free: () => number;
}

/** Names of version 2, then of version 1, of what the kernel's documentation calls the memory controller. */
const VERSIONS = [
  { mount: '', limit: 'memory.max', used: 'memory.current', reclaimable: 'inactive_file' },
  { mount: 'memory', limit: 'memory.limit_in_bytes', used: 'memory.usage_in_bytes', reclaimable: 'total_inactive_file' },
] as const;

/**
 * Memory that may still be taken, bytes: what the machine has, and what every cgroup around this process allows. File contents that the
 * kernel only keeps in case they are asked for again count as free. The argument replaces parts of the real surroundings in tests.
 */
export function availableMemory(sources: Partial<MemorySources> = {}): number {
  const { proc, cgroup, free }: MemorySources = { proc: '/proc', cgroup: '/sys/fs/cgroup', free: os.freemem, ...sources };
  const machine = kilobytes(read(join(proc, 'meminfo')), 'MemAvailable') ?? free();
  const own = groupsOf(read(join(proc, 'self', 'cgroup')) ?? '');
  return Math.max(0, Math.min(machine, ...own.flatMap((group) => VERSIONS.map((version) => leftIn(cgroup, group, version)))));
}

/** Resident memory of processes, bytes; null where the system does not tell. */
export function residentMemory(pids: readonly number[], proc = '/proc'): number | null {
  let bytes = 0;
  for (const pid of pids) {
    const held = kilobytes(read(join(proc, String(pid), 'status')), 'VmRSS');
    if (held === null) return null;
    bytes += held;
  }
  return bytes;
}

/** What a group and those around it leave; a container sees its own group at the top, whatever it is called outside. */
function leftIn(root: string, group: string, { mount, limit, used, reclaimable }: (typeof VERSIONS)[number]): number {
  let least = Infinity;
  for (let path = group; ; path = posix.dirname(path)) {
    const at = (name: string): string | null => read(join(root, mount, path, name));
    const [most, taken] = [Number(at(limit) ?? NaN), Number(at(used) ?? NaN)];
    // `max`, which is no number, is no limit.
    if (Number.isFinite(most) && Number.isFinite(taken)) {
      const kept = new RegExp(`^${reclaimable} (\\d+)$`, 'm').exec(at('memory.stat') ?? '')?.[1];
      least = Math.min(least, most - taken + Number(kept ?? 0));
    }
    if (path === '/') return least;
  }
}

/** Paths of the groups that this process is in: `0::/path` of version 2, `9:memory:/path` of version 1. */
function groupsOf(text: string): string[] {
  const paths = [...text.matchAll(/^\d+:(?:|[^:\n]*\bmemory\b[^:\n]*):(\/.*)$/gm)].map(([, path = '/']) => posix.normalize(path));
  return [...new Set([...paths, '/'])];
}

function kilobytes(text: string | null, name: string): number | null {
  const found = new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(text ?? '')?.[1];
  return found === undefined ? null : Number(found) * 1024;
}

function read(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return null;
  }
}
