/** `_mb` in names that users gave or were promised: the SI megabyte, everywhere. */
export const BYTES_PER_MB = 1_000_000;

/** Three significant digits, without an exponent for the magnitudes people read. */
function significant(value: number): string {
  const magnitude = Math.abs(value);
  return magnitude >= 100 ? value.toFixed(0) : magnitude >= 10 ? value.toFixed(1) : value.toFixed(2);
}

/** Bytes in binary units (1 KiB = 1024 bytes), as memory and file sizes are counted here: `1.50 MiB`. */
export function formatBytes(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'] as const;
  let value = bytes;
  let unit = 0;
  // 1023.5 would print as "1024"; it belongs to the next unit.
  while (Math.abs(value) >= 1023.5 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  return unit === 0 ? `${bytes} B` : `${significant(value)} ${units[unit] ?? ''}`;
}

/** A duration given in milliseconds, in the unit a person would use: `850 µs`, `12.3 ms`, `4.56 s`, `3 min 20 s`. */
export function formatDuration(duration_ms: number): string {
  const magnitude = Math.abs(duration_ms);
  if (magnitude < 0.9995) return `${significant(duration_ms * 1000)} µs`;
  if (magnitude < 999.5) return `${significant(duration_ms)} ms`;
  if (magnitude < 59_950) return `${significant(duration_ms / 1000)} s`;
  const seconds = Math.round(magnitude / 1000);
  return `${duration_ms < 0 ? '-' : ''}${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}

/** A rate per second: `formatRate(21.5, 'tok')` is `21.5 tok/s`. */
export function formatRate(perSecond: number, unit: string): string {
  return `${significant(perSecond)} ${unit}/s`;
}
