import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { BoardThrottling } from '../../core/probe.js';

const run = promisify(execFile);
const TIMEOUT_MS = 2000;

/** Bits of `get_throttled`, and the same 16 higher for what was since boot. Source: https://www.raspberrypi.com/documentation/computers/os.html#get_throttled */
const BITS = { under_voltage: 0, frequency_capped: 1, throttled: 2, soft_temperature_limit: 3 } as const;
const SINCE_BOOT = 16;

/** Asks a Raspberry Pi's firmware whether it slows the board down: no kernel interface tells of a power supply that is too weak. */
export class VcgencmdProbe {
  #isMissing = false;

  /** @param program replaces the one on the PATH in tests */
  constructor(private readonly program = 'vcgencmd') {}

  /** null on other machines, and where the firmware may not be asked (`/dev/vcio`: the group `video`). Never throws. */
  async read(): Promise<BoardThrottling | null> {
    // A machine does not become a Raspberry Pi; starting programs in vain costs time at every reading.
    if (this.#isMissing || process.platform !== 'linux') return null;
    try {
      const { stdout } = await run(this.program, ['get_throttled'], { timeout: TIMEOUT_MS, maxBuffer: 4096 });
      return parseThrottled(stdout);
    } catch (thrown) {
      this.#isMissing = thrown instanceof Error && 'code' in thrown && thrown.code === 'ENOENT';
      return null;
    }
  }
}

/** Reads `throttled=0x50005`; null for anything else. */
export function parseThrottled(output: string): BoardThrottling | null {
  const digits = /^throttled=0x([0-9a-f]{1,8})\s*$/i.exec(output)?.[1];
  if (digits === undefined) return null;
  const flags = Number.parseInt(digits, 16);
  const has = (bit: number): boolean => ((flags >>> bit) & 1) === 1;
  return {
    under_voltage: has(BITS.under_voltage),
    frequency_capped: has(BITS.frequency_capped),
    throttled: has(BITS.throttled),
    soft_temperature_limit: has(BITS.soft_temperature_limit),
    under_voltage_since_boot: has(BITS.under_voltage + SINCE_BOOT),
    frequency_capped_since_boot: has(BITS.frequency_capped + SINCE_BOOT),
    throttled_since_boot: has(BITS.throttled + SINCE_BOOT),
    soft_temperature_limit_since_boot: has(BITS.soft_temperature_limit + SINCE_BOOT),
  };
}
