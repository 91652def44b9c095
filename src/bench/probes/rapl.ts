import { readFile } from 'node:fs/promises';
import { listSystemFolder, readSystemFile, readSystemInteger } from './system-file.js';

/** Energy since the probe's first reading, joules; null where it is not told. */
export interface EnergyReading {
  /** All processor packages: cores, caches and what else is on them. */
  readonly package_joules: number | null;
  /** Memory, on servers and a few others. */
  readonly dram_joules: number | null;
}

type Domain = 'package' | 'dram';

/** One counter of the kernel. */
interface Zone {
  readonly domain: Domain;
  readonly path: string;
  /** Where the counter begins again at 0, microjoules. */
  readonly range_uj: number;
  last_uj: number | null;
  /** Since the first reading; null once one failed. */
  total_uj: number | null;
}

/**
 * Energy by RAPL from Linux's /sys/class/powercap (kernel documentation, power/powercap; Intel, and AMD since Zen). The counters are of
 * the whole machine. They begin again after a quarter of an hour or more of full load: read them every few minutes at least.
 */
export class RaplProbe {
  #zones: readonly Zone[] | undefined;
  #why: string | undefined;

  /** @param root replaces `/` in tests. */
  constructor(private readonly root = '') {}

  /** Why there is no figure of the package, for people; undefined where there is. */
  get why(): string | undefined {
    return this.#why;
  }

  async read(): Promise<EnergyReading> {
    this.#zones ??= await this.#findZones();
    await Promise.all(this.#zones.map((zone) => this.#advance(zone)));
    return { package_joules: this.#joules('package'), dram_joules: this.#joules('dram') };
  }

  async #findZones(): Promise<Zone[]> {
    // Not `intel-rapl-mmio`: the same counters by another way.
    const folders = await listSystemFolder(`${this.root}/sys/class/powercap`, /^intel-rapl(:\d+){1,2}$/);
    const zones = await Promise.all(
      folders.map(async (path): Promise<Zone[]> => {
        const name = await readSystemFile(`${path}/name`);
        const domain = name === 'dram' ? 'dram' : name?.startsWith('package-') === true ? 'package' : undefined;
        const range_uj = await readSystemInteger(`${path}/max_energy_range_uj`);
        return domain === undefined || range_uj === null ? [] : [{ domain, path, range_uj, last_uj: null, total_uj: 0 }];
      }),
    );
    const found = zones.flat();
    if (!found.some(({ domain }) => domain === 'package')) this.#why = 'this machine shows no RAPL counters';
    return found;
  }

  async #advance(zone: Zone): Promise<void> {
    const now_uj = await readCounter(`${zone.path}/energy_uj`);
    if (typeof now_uj === 'string') {
      zone.total_uj = null;
      if (zone.domain === 'package') this.#why = now_uj;
      return;
    }
    const { last_uj, total_uj, range_uj } = zone;
    zone.last_uj = now_uj;
    if (last_uj !== null && total_uj !== null) zone.total_uj = total_uj + now_uj - last_uj + (now_uj < last_uj ? range_uj : 0);
  }

  /** A sum that lacks one of its parts would be too low, so it is null. */
  #joules(domain: Domain): number | null {
    const totals = (this.#zones ?? []).filter((zone) => zone.domain === domain).map(({ total_uj }) => total_uj);
    const sum = totals.reduce((all, total) => (all === null || total === null ? null : all + total), totals.length === 0 ? null : 0);
    return sum === null ? null : sum / 1e6;
  }
}

/** Microjoules, or why not. */
async function readCounter(path: string): Promise<number | string> {
  try {
    const text = (await readFile(path, 'utf8')).trim();
    return /^\d{1,15}$/.test(text) ? Number(text) : 'the RAPL counter is no number';
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    return code === 'EACCES' || code === 'EPERM'
      ? 'only root may read the RAPL counters (CVE-2020-8694)'
      : 'the RAPL counter cannot be read';
  }
}
