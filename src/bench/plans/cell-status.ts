import { ERROR_CATALOGUE, type EdgeVlmError, type ErrorCode } from '../../core/errors.js';
import type { CellStatus } from '../../core/plan-cell.js';

const STATUSES: Partial<Record<ErrorCode, CellStatus>> = {
  CANCELLED: 'cancelled',
  OUT_OF_MEMORY: 'oom',
  ENGINE_TIMEOUT: 'timeout',
  ENGINE_CRASHED: 'crashed',
  LOAD_ERROR: 'load_error',
  DEVICE_UNAVAILABLE: 'load_error',
  NATIVE_MISSING: 'load_error',
  NATIVE_UNSUPPORTED: 'load_error',
  MODEL_UNKNOWN: 'load_error',
};

/** The kernel's out-of-memory killer sends SIGKILL; V8 and C++ say why they end. A runtime's own process may be the one that died. */
const OUT_OF_MEMORY = /\bSIGKILL\b|out of memory|bad_alloc/i;

/** What a failed cell's row says, from how it failed. */
export function cellStatus({ code, message }: EdgeVlmError): CellStatus {
  if (code === 'ENGINE_CRASHED' && OUT_OF_MEMORY.test(message)) return 'oom';
  // Files of models that are damaged, incomplete or of another kind.
  return STATUSES[code] ?? (ERROR_CATALOGUE[code].kind === 'model' ? 'load_error' : 'error');
}
