import { NvidiaSmiProbe } from './nvidia-smi.js';
import { openProcessTree } from './open-process-tree.js';

/**
 * How much memory of the graphics cards a model takes once it is loaded: that of its processes and, where the driver does not name
 * them (in a container), what all programs together use more than before.
 */
export class DeviceMemoryProbe {
  private constructor(
    private readonly smi: NvidiaSmiProbe,
    private readonly before_bytes: number | null,
  ) {}

  /** Call it before the model is loaded. */
  static async start(smi = new NvidiaSmiProbe()): Promise<DeviceMemoryProbe> {
    return new DeviceMemoryProbe(smi, usedBytes(await smi.read()));
  }

  /** @param roots processes of the model, with all that they started @returns null where it cannot be told */
  async read(roots: readonly number[]): Promise<number | null> {
    const reading = await this.smi.read();
    if (reading === null) return null;
    const tree = openProcessTree(() => roots);
    const { pids } = await tree.read({ pss: false });
    await tree.close();
    const own = [...reading.processes].filter(([pid]) => pids.has(pid)).map(([, bytes]) => bytes);
    if (own.length > 0 && own.every((bytes) => bytes !== null)) return own.reduce((sum, bytes) => sum + bytes, 0);
    const now_bytes = usedBytes(reading);
    return now_bytes === null || this.before_bytes === null ? null : Math.max(0, now_bytes - this.before_bytes);
  }
}

function usedBytes(reading: Awaited<ReturnType<NvidiaSmiProbe['read']>>): number | null {
  if (reading === null) return null;
  return reading.gpus.reduce<number | null>((sum, { used_bytes }) => (sum === null || used_bytes === null ? null : sum + used_bytes), 0);
}
