import { readdir } from 'node:fs/promises';
import { ProcessReader, type ProcessReading } from './process-reader.js';
import { type ProcessTree, sumMemory, type TreeReading } from './process-tree.js';
import { readSystemFile } from './system-file.js';

/** New processes are looked for this often; those that are known are read every time. */
const SEARCH_INTERVAL_MS = 1000;

/**
 * A process tree of Linux, from /proc. A process stays in the tree when its parent ends before it. One that starts and loses its
 * parent between two searches, a second apart, is not found; one that starts and ends between them counts by its processor time only.
 */
export class ProcTree implements ProcessTree {
  readonly leastInterval_ms = 0;
  readonly #readers = new Map<number, ProcessReader>();
  /** Parents of all processes of the machine. They are read once: a process whose parent ends is in the tree already, or never will be. */
  #parents = new Map<number, number>();
  /** Ended ones, too. */
  readonly #knownRoots = new Set<number>();
  #searched_ms = -Infinity;
  #whyNoPss: string | undefined;
  #newest: Promise<unknown> = Promise.resolve();

  /** @param roots asked again at each search, because a process may be started or replaced. @param procRoot where proc is mounted */
  constructor(
    private readonly roots: () => readonly number[],
    private readonly procRoot = '/proc',
  ) {}

  get absent(): Readonly<Record<string, string>> {
    return this.#whyNoPss === undefined ? {} : { pss: this.#whyNoPss };
  }

  /** One after the other: a reading that came in while another looks for processes would find none. */
  read(options: { readonly pss: boolean }): Promise<TreeReading> {
    const read = (): Promise<TreeReading> => this.#read(options);
    const reading = this.#newest.then(read, read);
    this.#newest = reading;
    return reading;
  }

  async #read({ pss }: { readonly pss: boolean }): Promise<TreeReading> {
    const isDue = performance.now() - this.#searched_ms >= SEARCH_INTERVAL_MS;
    if (isDue || this.roots().some((pid) => !this.#knownRoots.has(pid))) await this.#search();
    const found: ProcessReading[] = [];
    const peakRss_bytes = new Map<number, number>();
    for (const [pid, reader] of this.#readers) {
      const reading = await reader.read({ pss });
      if (reading === null) {
        this.#readers.delete(pid);
        await reader.close();
        continue;
      }
      found.push(reading);
      if (reading.memory.peakRss_bytes !== null) peakRss_bytes.set(pid, reading.memory.peakRss_bytes);
      this.#whyNoPss ??= reader.whyNoPss;
    }
    const times = found.map(({ cpu_ms }) => cpu_ms);
    return {
      memory: sumMemory(found.map(({ memory }) => memory)),
      cpu_ms: times.length === 0 ? null : times.reduce((sum, time) => (sum === null || time === null ? null : sum + time), 0),
      pids: new Set(this.#readers.keys()),
      peakRss_bytes,
    };
  }

  async close(): Promise<void> {
    await Promise.all([...this.#readers.values()].map((reader) => reader.close()));
    this.#readers.clear();
  }

  async #search(): Promise<void> {
    this.#searched_ms = performance.now();
    const roots = this.roots();
    for (const pid of roots) this.#knownRoots.add(pid);
    const names = await readdir(this.procRoot).catch(() => []);
    const parents = new Map<number, number>();
    for (const name of names) {
      if (!/^\d+$/.test(name)) continue;
      const pid = Number(name);
      const parent = this.#parents.get(pid) ?? parentOf(await readSystemFile(`${this.procRoot}/${name}/stat`));
      if (parent !== undefined) parents.set(pid, parent);
    }
    this.#parents = parents;
    const children = new Map<number, number[]>();
    for (const [pid, parent] of parents) children.set(parent, [...(children.get(parent) ?? []), pid]);
    // The list grows while it is walked. A loop of parents cannot be, but this is outside data.
    const tree = [...new Set([...roots, ...this.#readers.keys()])];
    const seen = new Set(tree);
    for (const pid of tree) {
      for (const child of children.get(pid) ?? []) {
        if (seen.has(child)) continue;
        seen.add(child);
        tree.push(child);
      }
    }
    for (const pid of tree) if (!this.#readers.has(pid)) this.#readers.set(pid, new ProcessReader(pid, this.procRoot));
  }
}

/** Field 4; field 2 is a name in brackets that may hold anything, brackets too (proc(5)). */
function parentOf(stat: string | null): number | undefined {
  const parent = stat === null ? '' : stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1];
  return parent === undefined || !/^\d+$/.test(parent) ? undefined : Number(parent);
}
