import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { MemoryReading } from '../../core/probe.js';
import { type ProcessTree, sumMemory, type TreeReading } from './process-tree.js';

interface PsRow {
  readonly pid: number;
  readonly parent: number;
  readonly rss_bytes: number;
  readonly cpu_ms: number;
}

const TIMEOUT_MS = 5000;
const MAX_BYTES = 8 * 1024 * 1024;

/** A process tree of any Unix (macOS), from `ps` (POSIX): resident memory and processor time, nothing more. */
export class PsTree implements ProcessTree {
  readonly leastInterval_ms = 1000;
  readonly absent = { pss: '`ps` tells resident memory only', peaks: '`ps` remembers no peak; peaks are those of the readings' };
  readonly #members = new Set<number>();
  #before = new Map<number, number>();
  #cpu_ms = 0;

  /** @param run gives what `ps` prints; tests pass their own */
  constructor(
    private readonly roots: () => readonly number[],
    private readonly run: () => Promise<string> = runPs,
  ) {}

  async read(): Promise<TreeReading> {
    const rows = parsePs(await this.run().catch(() => ''));
    for (const pid of this.roots()) this.#members.add(pid);
    // A process may stand before its parent in the list.
    for (let size = -1; size !== this.#members.size;) {
      size = this.#members.size;
      for (const { pid, parent } of rows) if (this.#members.has(parent)) this.#members.add(pid);
    }
    const tree = rows.filter(({ pid }) => this.#members.has(pid));
    // What an ended process used before its last reading stays counted.
    for (const { pid, cpu_ms } of tree) this.#cpu_ms += Math.max(0, cpu_ms - (this.#before.get(pid) ?? 0));
    this.#before = new Map(tree.map(({ pid, cpu_ms }) => [pid, cpu_ms]));
    const pids = new Set(this.#before.keys());
    for (const pid of this.#members) if (!pids.has(pid)) this.#members.delete(pid);
    return {
      memory: sumMemory(tree.map(({ rss_bytes }): MemoryReading => ({ ...NOT_TOLD, rss_bytes }))),
      cpu_ms: tree.length === 0 ? null : this.#cpu_ms,
      pids,
      peakRss_bytes: new Map(),
    };
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

const NOT_TOLD: MemoryReading = { rss_bytes: null, peakRss_bytes: null, pss_bytes: null, rssAnon_bytes: null, swap_bytes: null };

async function runPs(): Promise<string> {
  const { stdout } = await promisify(execFile)('ps', ['-A', '-o', 'pid=', '-o', 'ppid=', '-o', 'rss=', '-o', 'time='], {
    timeout: TIMEOUT_MS,
    maxBuffer: MAX_BYTES,
    env: { ...process.env, LC_ALL: 'C' },
  });
  return stdout;
}

/** Lines `pid ppid KiB [[days-]hours:]minutes:seconds[.hundredths]`; others are passed over. */
function parsePs(text: string): PsRow[] {
  return text.split('\n').flatMap((line): PsRow[] => {
    const [, pid, parent, kibibytes, days, hours, minutes, seconds] =
      /^\s*(\d{1,10})\s+(\d{1,10})\s+(\d{1,15})\s+(?:(\d{1,5})-)?(?:(\d{1,5}):)?(\d{1,7}):(\d{2}(?:\.\d{1,3})?)\s*$/.exec(line) ?? [];
    if (pid === undefined) return [];
    const minutesInAll = (Number(days ?? 0) * 24 + Number(hours ?? 0)) * 60 + Number(minutes);
    const cpu_ms = Math.round((minutesInAll * 60 + Number(seconds)) * 1000);
    return [{ pid: Number(pid), parent: Number(parent), rss_bytes: Number(kibibytes) * 1024, cpu_ms }];
  });
}
