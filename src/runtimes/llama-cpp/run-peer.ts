import { EdgeVlmError } from '../../core/errors.js';
import { runProgram } from '../../host/run-program.js';

/** A model's log is some 20 kB. */
const MAX_OUTPUT_BYTES = 16 * 1024 * 1024;
/** What of a failed program's last words is passed on. */
const WORDS_KEPT = 400;

/**
 * Runs one of llama.cpp's programs to its end.
 * @throws PEER_FAILED with its last words; CANCELLED
 */
export async function runPeer(binary: string, args: readonly string[], signal?: AbortSignal): Promise<{ stdout: string; stderr: string }> {
  try {
    return await runProgram(binary, args, { maxBuffer: MAX_OUTPUT_BYTES, signal });
  } catch (cause) {
    if (signal?.aborted === true) throw new EdgeVlmError('CANCELLED', 'cancelled', { cause });
    const stderr = cause instanceof Error && 'stderr' in cause && typeof cause.stderr === 'string' ? cause.stderr : '';
    const words = stderr.trim().slice(-WORDS_KEPT) || (cause instanceof Error ? cause.message : String(cause));
    throw new EdgeVlmError('PEER_FAILED', `${binary} ${args.join(' ')}: ${words}`, { cause });
  }
}
