import { ERROR_CATALOGUE, type ErrorCode } from '../core/errors.js';

/** Not registered, but what nginx and others log for a client that left before its answer. Nobody receives it. */
const CLIENT_LEFT = 499;

const BY_KIND: Readonly<Record<(typeof ERROR_CATALOGUE)[ErrorCode]['kind'], number>> = {
  usage: 400,
  input: 400,
  model: 500,
  resource: 503,
  engine: 503,
  internal: 500,
  cancelled: CLIENT_LEFT,
};

const BY_CODE: Partial<Record<ErrorCode, number>> = {
  UNAUTHORIZED: 401,
  ORIGIN_REFUSED: 403,
  FORBIDDEN: 403,
  MODEL_UNKNOWN: 404,
  ROUTE_UNKNOWN: 404,
  BENCHMARK_BUSY: 409,
  MODEL_BUSY: 409,
  SUPERSEDED: 409,
  REQUEST_TOO_LARGE: 413,
  IMAGE_TOO_LARGE: 413,
  IMAGE_UNSUPPORTED: 415,
  PICTURE_QUARANTINED: 422,
  IDEMPOTENCY_MISMATCH: 422,
  ...{ GGUF_INVALID: 422, GGUF_TRUNCATED: 422, GGUF_LIMIT: 422, MODEL_UNSUPPORTED: 422, MODEL_INCOMPLETE: 422 },
  ...{ MMPROJ_MISMATCH: 422, DRAFT_MISMATCH: 422, TOKENIZER_FAILED: 422, LOAD_ERROR: 422 },
  MMPROJ_MISSING: 400,
  TEMPLATE_FAILED: 400,
  QUEUE_FULL: 429,
  RATE_LIMITED: 429,
  PICTURE_UNAVAILABLE: 502,
  PICTURE_TIMEOUT: 504,
  DEADLINE_EXCEEDED: 504,
  MEMORY_BUDGET: 507,
};

/** The HTTP status that tells a client what a coded error means. */
export function httpStatus(code: ErrorCode): number {
  return BY_CODE[code] ?? BY_KIND[ERROR_CATALOGUE[code].kind];
}
