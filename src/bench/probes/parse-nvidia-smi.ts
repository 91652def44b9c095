/** One graphics card at one moment; null is what it does not tell. */
export interface GpuReading {
  readonly name: string;
  readonly used_bytes: number | null;
  readonly total_bytes: number | null;
  /** Share of the last sampling period in which a kernel ran, 0..1. */
  readonly utilisation: number | null;
  readonly temperature_celsius: number | null;
  readonly power_watts: number | null;
}

/** The fields of `--query-gpu`, in this order; the name may hold commas. */
export const GPU_FIELDS = 'name,memory.used,memory.total,utilization.gpu,temperature.gpu,power.draw';
/** The fields of `--query-compute-apps`. */
export const PROCESS_FIELDS = 'pid,used_memory';

/** No machine has more; what prints more is no nvidia-smi. */
const MAX_GPUS = 64;
const MAX_PROCESSES = 10_000;
const MAX_NAME = 80;

/** Cards from `nvidia-smi --query-gpu=… --format=csv,noheader`; null where a line is not of that form. */
export function parseGpus(text: string): GpuReading[] | null {
  const gpus = linesOf(text).map((line): GpuReading | null => {
    const cells = line.split(',').map((cell) => cell.trim());
    if (cells.length < 6) return null;
    const [used = '', total = '', busy = '', temperature = '', power = ''] = cells.slice(-5);
    const name = cells.slice(0, -5).join(', ').replace(/\p{C}/gu, '').slice(0, MAX_NAME);
    const share = quantity(busy, '%', 100);
    return {
      name,
      used_bytes: mebibytes(used),
      total_bytes: mebibytes(total),
      utilisation: share === null ? null : share / 100,
      temperature_celsius: quantity(temperature, '', 300),
      power_watts: quantity(power, 'W', 1e5),
    };
  });
  const known = gpus.filter((gpu) => gpu !== null);
  return known.length === gpus.length && known.length > 0 && known.length <= MAX_GPUS ? known : null;
}

/**
 * Bytes by process from `nvidia-smi --query-compute-apps=… --format=csv,noheader`, summed over cards; null is a process whose memory is not
 * told, as on Windows. Lines of another form are passed over.
 */
export function parseGpuProcesses(text: string): Map<number, number | null> {
  const bytes = new Map<number, number | null>();
  for (const line of linesOf(text).slice(0, MAX_PROCESSES)) {
    const [, pid, memory = ''] = /^(\d{1,10})\s*,(.*)$/.exec(line) ?? [];
    if (pid === undefined) continue;
    const used = mebibytes(memory.trim());
    const before = bytes.get(Number(pid)) ?? 0;
    bytes.set(Number(pid), used === null ? null : used + before);
  }
  return bytes;
}

function linesOf(text: string): string[] {
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
}

function mebibytes(cell: string): number | null {
  const value = quantity(cell, 'MiB', 1e9);
  return value === null ? null : Math.round(value * 1024 * 1024);
}

/** `45.20 W`; null for `[N/A]`, `[Not Supported]` and whatever else is no number of that unit up to `most`. */
function quantity(cell: string, unit: string, most: number): number | null {
  const [, number, found = ''] = /^(\d{1,12}(?:\.\d{1,6})?)(?: (\S+))?$/.exec(cell) ?? [];
  return number === undefined || found !== unit || Number(number) > most ? null : Number(number);
}
