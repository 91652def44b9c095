import { Type } from 'typebox';
import { Value } from 'typebox/value';
import { EdgeVlmError } from '../../core/errors.js';
import type { DecodeSamples, ForwardPass } from '../../core/forward-pass.js';
import { runPeer } from './run-peer.js';

/** The part of `llama-bench -o json` that is read. */
const Report = Type.Array(Type.Object({ samples_ns: Type.Array(Type.Number(), { minItems: 1 }) }), { minItems: 1 });

export interface LlamaBenchOptions {
  /** Path of the program. */
  readonly binary: string;
  readonly model: string;
  readonly threads: number;
  readonly flashAttention: boolean;
  readonly signal?: AbortSignal;
}

/** llama-bench itself: every measurement is a process of its own, which loads the model and warms up first. */
export class LlamaBenchForwardPass implements ForwardPass {
  readonly label: string;
  readonly load_ms = null;
  readonly pid = undefined;
  #depth = 0;

  constructor(private readonly options: LlamaBenchOptions) {
    this.label = options.flashAttention ? 'llama-bench-fa' : 'llama-bench';
  }

  /** @throws PEER_FAILED, CANCELLED */
  async prefill(tokens: number): Promise<number> {
    return (await this.#run('-p', tokens, '-n', 0)) / 1e6;
  }

  fill(tokens: number): Promise<void> {
    this.#depth = tokens;
    return Promise.resolve();
  }

  /** @throws PEER_FAILED, CANCELLED */
  async decode(tokens: number): Promise<DecodeSamples> {
    const step_ms = (await this.#run('-p', 0, '-n', tokens, '-d', this.#depth)) / tokens / 1e6;
    return { step_ms: Array.from({ length: tokens }, () => step_ms), host_ms: null };
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  async #run(...test: (string | number)[]): Promise<number> {
    const { binary, model, threads, flashAttention, signal } = this.options;
    const fixed = ['-m', model, '-t', threads, '-fa', flashAttention ? 1 : 0, '-ngl', 0, '-r', 1, '-o', 'json'];
    const args = [...fixed, ...test].map(String);
    const { stdout } = await runPeer(binary, args, signal);
    const nanoseconds = parseLlamaBench(stdout);
    if (nanoseconds === null) throw new EdgeVlmError('PEER_FAILED', `${binary} ${args.join(' ')} printed no time`);
    return nanoseconds;
  }
}

/** Nanoseconds of the one test in a report; null when it is something else. */
export function parseLlamaBench(json: string): number | null {
  try {
    const report: unknown = JSON.parse(json);
    return Value.Check(Report, report) ? (report[0]?.samples_ns[0] ?? null) : null;
  } catch {
    return null;
  }
}
