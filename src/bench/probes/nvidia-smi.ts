import { runProgram } from '../../host/run-program.js';
import { GPU_FIELDS, type GpuReading, parseGpuProcesses, parseGpus, PROCESS_FIELDS } from './parse-nvidia-smi.js';

/** The graphics cards at one moment. */
export interface GpusReading {
  readonly gpus: readonly GpuReading[];
  /** Bytes on all cards by process; null is one whose memory is not told. */
  readonly processes: ReadonlyMap<number, number | null>;
}

/** Without persistence mode, nvidia-smi starts the driver each time, which takes seconds. */
const TIMEOUT_MS = 10_000;
const MAX_BYTES = 1024 * 1024;

/** Reads NVIDIA cards with the driver's own `nvidia-smi`. After it has failed once it is not asked again. */
export class NvidiaSmiProbe {
  #why: string | undefined;

  /** @param program path or name; tests pass a script. */
  constructor(private readonly program = 'nvidia-smi') {}

  /** Why there is nothing to read, for people; undefined before the first reading and while there is. */
  get why(): string | undefined {
    return this.#why;
  }

  /** Never throws; null where there is nothing to read, then and from then on. @param signal ends the program; the reading is null */
  async read(signal?: AbortSignal): Promise<GpusReading | null> {
    if (this.#why !== undefined) return null;
    try {
      const [cards, processes] = await Promise.all([
        this.#query(`--query-gpu=${GPU_FIELDS}`, signal),
        this.#query(`--query-compute-apps=${PROCESS_FIELDS}`, signal),
      ]);
      const gpus = parseGpus(cards);
      if (gpus !== null) return { gpus, processes: parseGpuProcesses(processes) };
      this.#why = 'nvidia-smi printed something else than its table';
    } catch (error) {
      if (signal?.aborted !== true) this.#why = reasonOf(error);
    }
    return null;
  }

  async #query(query: string, signal: AbortSignal | undefined): Promise<string> {
    const { stdout } = await runProgram(this.program, [query, '--format=csv,noheader'], {
      timeout: TIMEOUT_MS,
      killSignal: 'SIGKILL',
      maxBuffer: MAX_BYTES,
      windowsHide: true,
      signal,
    });
    return stdout;
  }
}

function reasonOf(error: unknown): string {
  const { code, killed, stdout } = error as { code?: unknown; killed?: unknown; stdout?: unknown };
  if (code === 'ENOENT') return 'nvidia-smi is not installed';
  if (code === 'ERR_CHILD_PROCESS_STDIO_MAXBUFFER') return 'nvidia-smi printed something else than its table';
  if (killed === true) return `nvidia-smi did not answer within ${TIMEOUT_MS / 1000} s`;
  // It says on standard output why it failed.
  const [said = ''] = typeof stdout === 'string' ? stdout.trim().split('\n') : [];
  const words = said.replace(/\p{C}/gu, '').slice(0, 200);
  return `nvidia-smi failed${words === '' ? '' : `: ${words}`}`;
}
