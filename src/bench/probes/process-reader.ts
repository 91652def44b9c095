import { type FileHandle, open, readFile } from 'node:fs/promises';
import type { MemoryReading } from '../../core/probe.js';

/** One process at one moment. */
export interface ProcessReading {
  readonly memory: MemoryReading;
  /**
   * User and system time since its start, with that of the ended children it has waited for: so the sum over a tree goes on rising
   * when one of its processes ends. In steps of 10 ms.
   */
  readonly cpu_ms: number | null;
}

/** Times in /proc are hundredths of a second on every architecture Node runs on (USER_HZ; proc(5), time(7)). */
const MS_PER_TICK = 10;
/** The files read here have 1 to 2 KiB. */
const MAX_BYTES = 64 * 1024;

type FileName = 'stat' | 'status' | 'smaps_rollup';
type Shut = 'absent' | 'forbidden';

/**
 * Reads one process of Linux again and again. Its files in /proc stay open: a reading of a file is one system call then, and such a
 * file never shows another process that was given the same number later.
 */
export class ProcessReader {
  readonly #files = new Map<FileName, FileHandle | Shut>();
  readonly #buffer = Buffer.alloc(8192);

  /** @param procRoot where proc is mounted; tests pass a folder of their own. */
  constructor(
    readonly pid: number,
    private readonly procRoot = '/proc',
  ) {}

  /** Why there is no PSS, for people; undefined where there is, or where nobody has asked. */
  get whyNoPss(): string | undefined {
    const file = this.#files.get('smaps_rollup');
    if (file === 'forbidden') return 'the memory maps of a process may only be read by its owner';
    return file === 'absent' ? 'this kernel does not tell which pages are shared' : undefined;
  }

  /**
   * @param pss whether to read PSS, too: the kernel looks at every page for it, about a millisecond for each gigabyte, and what the
   *   process maps or frees waits meanwhile
   * @returns null when the process has ended
   */
  async read({ pss }: { readonly pss: boolean }): Promise<ProcessReading | null> {
    const [stat, status] = await Promise.all([this.#read('stat'), this.#read('status')]);
    if (stat === null && status === null) return null;
    const cpu_ms = cpuOf(stat);
    // Ended, and its parent has not asked for it yet.
    if (status !== null && /^State:\s+[ZX]/m.test(status)) return { memory: NO_MEMORY, cpu_ms };
    return {
      memory: {
        rss_bytes: bytesOf(status, 'VmRSS'),
        peakRss_bytes: bytesOf(status, 'VmHWM'),
        pss_bytes: pss ? await this.#pss() : null,
        rssAnon_bytes: bytesOf(status, 'RssAnon'),
        swap_bytes: bytesOf(status, 'VmSwap'),
      },
      cpu_ms,
    };
  }

  async close(): Promise<void> {
    const files = [...this.#files.values()];
    this.#files.clear();
    for (const file of files) if (typeof file === 'object') await file.close().catch(() => undefined);
  }

  async #pss(): Promise<number | null> {
    const rollup = await this.#read('smaps_rollup');
    if (rollup !== null) return bytesOf(rollup, 'Pss');
    if (this.#files.get('smaps_rollup') !== 'absent') return null;
    // Kernels before 4.14 have the parts only.
    const parts = await readFile(`${this.procRoot}/${this.pid}/smaps`, 'latin1').catch(() => '');
    const shares = [...parts.matchAll(/^Pss:\s+(\d+) kB$/gm)].map(([, kibibytes]) => Number(kibibytes) * 1024);
    return shares.length === 0 ? null : shares.reduce((sum, bytes) => sum + bytes, 0);
  }

  /** Null where there is no such file, no permission, or the process has ended (ESRCH). */
  async #read(name: FileName): Promise<string | null> {
    const file = this.#files.get(name) ?? (await this.#open(name));
    if (typeof file === 'string') return null;
    const buffer = name === 'status' ? Buffer.alloc(8192) : this.#buffer;
    let text = '';
    try {
      while (text.length < MAX_BYTES) {
        const { bytesRead } = await file.read(buffer, 0, buffer.length, text.length);
        text += buffer.toString('latin1', 0, bytesRead);
        if (bytesRead < buffer.length) break;
      }
    } catch {
      return null;
    }
    return text === '' ? null : text;
  }

  async #open(name: FileName): Promise<FileHandle | Shut> {
    const file = await open(`${this.procRoot}/${this.pid}/${name}`, 'r').catch((error: unknown): Shut => {
      const code = error instanceof Error && 'code' in error ? error.code : undefined;
      return code === 'EACCES' || code === 'EPERM' ? 'forbidden' : 'absent';
    });
    this.#files.set(name, file);
    return file;
  }
}

const NO_MEMORY: MemoryReading = { rss_bytes: 0, peakRss_bytes: 0, pss_bytes: 0, rssAnon_bytes: 0, swap_bytes: 0 };

/** A line `Name:   123 kB`; the kernel's kB is 1024 bytes. */
function bytesOf(text: string | null, name: string): number | null {
  const kibibytes = text === null ? undefined : new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(text)?.[1];
  return kibibytes === undefined ? null : Number(kibibytes) * 1024;
}

/** utime, stime, cutime and cstime are fields 14 to 17; field 2 is a name in brackets that may hold anything, brackets too (proc(5)). */
function cpuOf(stat: string | null): number | null {
  const ticks =
    stat
      ?.slice(stat.lastIndexOf(')') + 2)
      .split(' ')
      .slice(11, 15)
      .map(Number) ?? [];
  const isWhole = ticks.length === 4 && ticks.every((value) => Number.isSafeInteger(value) && value >= 0);
  return isWhole ? ticks.reduce((sum, value) => sum + value, 0) * MS_PER_TICK : null;
}
