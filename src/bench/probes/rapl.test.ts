import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { RaplProbe } from './rapl.js';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'edgevlm-rapl-'));
});
afterEach(() => {
  rmSync(root, { recursive: true });
});

const RANGE_UJ = 262_143_328_850;

function place(zone: string, name: string, energy_uj: number | string): void {
  const folder = join(root, 'sys/class/powercap', zone);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'name'), `${name}\n`);
  writeFileSync(join(folder, 'max_energy_range_uj'), `${RANGE_UJ}\n`);
  writeFileSync(join(folder, 'energy_uj'), `${energy_uj}\n`);
}

it('sums what the packages have used since the first reading, and memory apart', async () => {
  place('intel-rapl:0', 'package-0', 5_000_000);
  place('intel-rapl:1', 'package-1', 7_000_000);
  place('intel-rapl:0:0', 'core', 1);
  place('intel-rapl:0:1', 'dram', 100);
  place('intel-rapl:2', 'psys', 1);
  place('intel-rapl-mmio:0', 'package-0', 1);
  const probe = new RaplProbe(root);
  expect(await probe.read()).toEqual({ package_joules: 0, dram_joules: 0 });
  place('intel-rapl:0', 'package-0', 8_500_000);
  place('intel-rapl:1', 'package-1', 8_000_000);
  place('intel-rapl:0:1', 'dram', 250_100);
  place('intel-rapl:0:0', 'core', 999_999_999);
  expect(await probe.read()).toEqual({ package_joules: 4.5, dram_joules: 0.25 });
  expect(probe.why).toBeUndefined();
});

it('goes on when a counter begins again', async () => {
  place('intel-rapl:0', 'package-0', RANGE_UJ - 2_000_000);
  const probe = new RaplProbe(root);
  await probe.read();
  place('intel-rapl:0', 'package-0', 1_000_000);
  expect((await probe.read()).package_joules).toBeCloseTo(3, 6);
  place('intel-rapl:0', 'package-0', 2_000_000);
  expect((await probe.read()).package_joules).toBeCloseTo(4, 6);
});

it.each([
  ['words', 'no number'],
  ['', 'no number'],
  ['-5', 'no number'],
  ['9'.repeat(40), 'no number'],
])('has nothing to say of a counter that reads %j', async (text, reason) => {
  place('intel-rapl:0', 'package-0', 1);
  place('intel-rapl:1', 'package-1', 1);
  const probe = new RaplProbe(root);
  await probe.read();
  place('intel-rapl:1', 'package-1', text);
  // Of two packages one would be half of the truth.
  expect(await probe.read()).toEqual({ package_joules: null, dram_joules: null });
  expect(probe.why).toContain(reason);
});

// Root may read everything.
it.skipIf(process.getuid?.() === 0)('says when only root may read', async () => {
  place('intel-rapl:0', 'package-0', 1);
  chmodSync(join(root, 'sys/class/powercap/intel-rapl:0/energy_uj'), 0);
  const probe = new RaplProbe(root);
  expect((await probe.read()).package_joules).toBeNull();
  expect(probe.why).toBe('only root may read the RAPL counters (CVE-2020-8694)');
});

it('says where there are no counters', async () => {
  const probe = new RaplProbe(root);
  expect(await probe.read()).toEqual({ package_joules: null, dram_joules: null });
  expect(probe.why).toBe('this machine shows no RAPL counters');
});
