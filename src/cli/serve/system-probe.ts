import { cpus } from 'node:os';
import { BYTES_PER_MB } from '../../core/units.js';
import { openProcessTree } from '../../bench/probes/open-process-tree.js';
import { ThermalProbe } from '../../bench/probes/thermal.js';
import { VcgencmdProbe } from '../../bench/probes/vcgencmd.js';
import type { SystemProbe } from '../../serving/system-sampler.js';

/** Reads the machine: processor time of all cores since the reading before, memory of this process and its children, heat, what slows a board down. */
export function systemProbe(): SystemProbe {
  const tree = openProcessTree(() => [process.pid]);
  const thermal = new ThermalProbe();
  const board = new VcgencmdProbe();
  let before = processorTimes();
  return async () => {
    const [{ memory }, { temperature_celsius }, throttling] = await Promise.all([tree.read({ pss: false }), thermal.read(), board.read()]);
    const now = processorTimes();
    const busy = now.busy - before.busy;
    const all = now.all - before.all;
    before = now;
    return {
      cpu_percent: all > 0 ? (100 * busy) / all : null,
      memory_mb: memory.rss_bytes === null ? null : memory.rss_bytes / BYTES_PER_MB,
      temperature_celsius,
      throttling,
    };
  };
}

/** Of all cores since the system was started, milliseconds. */
function processorTimes(): { readonly busy: number; readonly all: number } {
  let [busy, all] = [0, 0];
  for (const { times } of cpus()) {
    const used = times.user + times.nice + times.sys + times.irq;
    busy += used;
    all += used + times.idle;
  }
  return { busy, all };
}
