import type { RunRecord } from '../../../core/run-record.js';
import { asBytes, asCount, asNumber } from '../figures.js';
import type { Cell, ReportTable } from '../table.js';

/** The machine and the software. */
export function environmentTable({ environment, thermal, seeds, dataset }: RunRecord): ReportTable {
  const { cpu } = environment;
  const facts: readonly (readonly [string, Cell])[] = [
    ['processor', cpu.model ?? 'not told'],
    ['architecture', cpu.architecture],
    [
      'cores',
      [asCount(cpu.logicalCores), ' logical', ...(cpu.physicalCores === null ? [] : [', ', asCount(cpu.physicalCores), ' physical'])],
    ],
    ['instruction sets', cpu.flags.join(' ') || 'not told'],
    ['governor', cpu.governor ?? 'not told'],
    ['memory', asBytes(environment.memory_bytes)],
    ['system', `${environment.os}, kernel ${environment.kernel}`],
    ['Node', environment.node],
    ['EdgeVLM', [environment.edgevlm, environment.commit].filter((part) => part !== null).join(', commit ') || 'not told'],
    ...(['before', 'after'] as const).map((when) => [`${when} the run`, thermalCell(thermal[when])] as const),
    ...Object.entries(seeds).map(([name, seed]) => [`seed of ${name}`, asNumber(seed)] as const),
    ...(dataset === null ? [] : [['data set', [dataset.name, ', ', asCount(dataset.items), ` items, SHA-256 ${dataset.sha256}`]] as const]),
  ];
  return { align: 'text', caption: 'The machine and the software', columns: ['', 'value'], rows: facts };
}

function thermalCell({ frequency_mhz, temperature_celsius, throttleEvents }: RunRecord['thermal']['before']): Cell {
  const parts = [
    ...(frequency_mhz === null ? [] : [asNumber(frequency_mhz), ' MHz, ']),
    ...(temperature_celsius === null ? ['temperature not told, '] : [asNumber(temperature_celsius), ' °C, ']),
    ...(throttleEvents === null ? ['throttling not told'] : [asCount(throttleEvents), ' throttle events']),
  ];
  return parts;
}
