/** How a failure is classed: it decides the process's exit code, so scripts can tell a typo from a broken file. */
type ErrorKind = 'usage' | 'input' | 'model' | 'resource' | 'engine' | 'internal' | 'cancelled';

/** Exit codes follow sysexits.h where it has a match; 130 is the shell's own code for SIGINT. */
const EXIT_CODES: Record<ErrorKind, number> = {
  usage: 64,
  input: 65,
  model: 66,
  resource: 69,
  engine: 70,
  internal: 70,
  cancelled: 130,
};

interface CatalogueEntry {
  readonly kind: ErrorKind;
  /** What the user can do next, one sentence. */
  readonly hint: string;
}

/** Every error a user can meet. Codes are stable: they may be added, never renamed or reused. */
export const ERROR_CATALOGUE = {
  USAGE: { kind: 'usage', hint: 'Run the command with --help to see its options.' },
  CANCELLED: { kind: 'cancelled', hint: 'The work was stopped on request; what was finished is kept.' },
  INTERNAL: { kind: 'internal', hint: 'This is a fault of EdgeVLM: please report it with the command and this message.' },

  FILE_NOT_FOUND: { kind: 'input', hint: 'Check the path and its permissions.' },
  FILE_UNREADABLE: { kind: 'input', hint: 'Check that the path is a readable file.' },
  FILE_UNWRITABLE: { kind: 'resource', hint: 'Check the folder, its permissions and the free disk space.' },
  DISK_FULL: { kind: 'resource', hint: 'Free disk space and run the same command again; a download goes on where it stopped.' },

  MODEL_UNKNOWN: { kind: 'input', hint: 'Run `edgevlm models list` to see the names.' },
  OFFLINE: { kind: 'resource', hint: 'Unset HF_HUB_OFFLINE and TRANSFORMERS_OFFLINE to download.' },
  DOWNLOAD_FAILED: { kind: 'resource', hint: 'Run the same command again: it goes on where it stopped.' },
  DOWNLOAD_REFUSED: { kind: 'resource', hint: "Accept the licence on the model's page and set HF_TOKEN to a token that may read it." },
  CHECKSUM_MISMATCH: { kind: 'model', hint: 'Download the model again: edgevlm models pull --model NAME --force.' },

  PLAN_BUSY: { kind: 'resource', hint: 'Wait until the other process has ended, or end it; then run the same command again: it goes on.' },
  PLAN_INVALID: { kind: 'input', hint: 'Correct the plan at the line named; docs/PLANS.md describes what one may hold.' },

  CONFIG_INVALID: {
    kind: 'input',
    hint: 'Correct the line named; docs/CONFIGURATION.md lists the keys, `edgevlm config check` all that is wrong.',
  },

  MLFLOW_AWAY: { kind: 'resource', hint: 'Nothing is lost: run `edgevlm mlflow sync` when the server is back.' },
  MLFLOW_REFUSED: { kind: 'resource', hint: 'Nothing is lost: correct what the server names, then run `edgevlm mlflow sync`.' },
  MLFLOW_BUSY: { kind: 'resource', hint: 'Nothing is lost: run `edgevlm mlflow sync` when the other process has ended.' },

  IMAGE_UNSUPPORTED: { kind: 'input', hint: 'Use a JPEG, PNG, WebP, GIF, TIFF or AVIF picture.' },
  IMAGE_CORRUPT: { kind: 'input', hint: 'The picture could not be decoded: save it again or use another file.' },
  IMAGE_TOO_LARGE: { kind: 'input', hint: 'Shrink the picture, or raise the byte or pixel limit.' },
  IMAGE_FORGOTTEN: { kind: 'input', hint: 'The engine no longer knows this picture by its hash: send its pixels again.' },

  GGUF_INVALID: { kind: 'model', hint: 'The file is not a valid GGUF file: download or convert it again.' },
  GGUF_TRUNCATED: { kind: 'model', hint: 'The file ends before its contents do: download it again and compare its size.' },
  GGUF_LIMIT: { kind: 'model', hint: 'The file asks for more than a real model needs; do not use files from untrusted sources.' },
  SAFETENSORS_INVALID: { kind: 'model', hint: 'The checkpoint is damaged or of another format: download it again.' },
  CHECKPOINT_INVALID: { kind: 'model', hint: 'The checkpoint is damaged or incomplete: download all of it again.' },
  CHECKPOINT_UNSUPPORTED: { kind: 'model', hint: 'This checkpoint cannot be converted; see docs/MODEL_SETUP.md for what can.' },
  MODEL_UNSUPPORTED: { kind: 'model', hint: 'See docs/MODEL_SETUP.md for the model families this engine runs.' },
  MODEL_INCOMPLETE: { kind: 'model', hint: 'The file lacks something its architecture needs: convert or download it again.' },
  MMPROJ_MISMATCH: { kind: 'model', hint: 'Use the mmproj file that was made from the same model.' },
  DRAFT_MISMATCH: { kind: 'model', hint: 'Draft with a model that has the same vocabulary, or decode with ngram or self-speculative.' },
  MMPROJ_MISSING: { kind: 'model', hint: 'Pass the vision half of the model with --mmproj.' },
  TEMPLATE_FAILED: { kind: 'model', hint: "The model's chat template does not work; pass the whole prompt with `generate --raw`." },
  TOKENIZER_FAILED: { kind: 'model', hint: "The file's vocabulary could not be loaded: convert or download it again." },

  GRAMMAR_INVALID: { kind: 'input', hint: 'Correct the GBNF grammar at the line and column named.' },
  GRAMMAR_LIMIT: { kind: 'input', hint: 'Use a smaller grammar or schema: fewer alternatives, smaller repetitions, less nesting.' },
  GRAMMAR_STUCK: { kind: 'input', hint: 'Let the grammar use characters that the vocabulary of this model can write.' },
  SCHEMA_INVALID: { kind: 'input', hint: 'Correct the JSON Schema at the pointer named.' },
  SCHEMA_UNSUPPORTED: { kind: 'input', hint: 'Leave the keyword named out of the schema and check the answer for it afterwards.' },

  CONTEXT_FULL: { kind: 'input', hint: 'Shorten the prompt, ask for fewer tokens, or raise --context.' },
  BATCH_INVALID: { kind: 'internal', hint: 'This is a fault of EdgeVLM: please report it with the command and this message.' },
  OUT_OF_MEMORY: { kind: 'resource', hint: 'Use a smaller model or precision, a shorter --context, or close other programs.' },

  NATIVE_MISSING: { kind: 'resource', hint: 'Install the native libraries again: npm install --include=optional.' },
  NATIVE_UNSUPPORTED: { kind: 'resource', hint: 'EdgeVLM needs Linux (glibc 2.34 or newer), macOS or Windows on x64 or arm64.' },
  NATIVE_FAILED: { kind: 'engine', hint: 'See the native message; docs/TROUBLESHOOTING.md lists the common ones.' },
  ENGINE_CRASHED: { kind: 'engine', hint: 'The engine process died and its work is lost; the rest of EdgeVLM is unharmed. Try again.' },
  ENGINE_TIMEOUT: { kind: 'engine', hint: 'The engine did not answer in time and was stopped; allow it more time or less work.' },
  PEER_FAILED: { kind: 'engine', hint: 'Run the program by hand with these arguments; it must be of the same release of llama.cpp.' },
  NO_TEXT: {
    kind: 'model',
    hint: 'Use prompts of the kind that the model was trained to continue, in its own chat format where it has one.',
  },
  SERVER_AWAY: { kind: 'resource', hint: 'Start the server, or check the address that was given with --url.' },
  SERVER_REFUSED: { kind: 'engine', hint: 'Correct what the server names; its log may say more.' },
  LOAD_ERROR: { kind: 'resource', hint: 'Run `edgevlm runtimes check` to see what this machine lacks and how to install it.' },
  DEVICE_UNAVAILABLE: { kind: 'resource', hint: 'Compute on the processor: leave --device out, or pass --device cpu.' },
  PARITY_FAILED: {
    kind: 'engine',
    hint: 'Do not trust this file with this engine: please report it with the output of `edgevlm models check FILE --json`.',
  },
  ENGINE_DISPOSED: { kind: 'internal', hint: 'The object was used after it was closed.' },

  REQUEST_INVALID: { kind: 'input', hint: 'Correct the field named; GET /openapi.json describes every request.' },
  REQUEST_TOO_LARGE: { kind: 'input', hint: 'Send less at once, or raise the limit with --max-image-bytes.' },
  ROUTE_UNKNOWN: { kind: 'input', hint: 'GET /openapi.json lists what this server answers.' },
  UNAUTHORIZED: { kind: 'input', hint: 'Send a key of this server as `Authorization: Bearer KEY` or `X-API-Key: KEY`.' },
  ORIGIN_REFUSED: {
    kind: 'input',
    hint: 'Start the server with --cors-origin for pages that may use it, or with --api-key for other host names.',
  },
  FORBIDDEN: { kind: 'input', hint: 'Use a key with the scope named: edgevlm keys create --scope SCOPE.' },
  RATE_LIMITED: { kind: 'resource', hint: 'Wait as long as Retry-After says, or start the server with a larger --rate-limit.' },
  KEYS_INVALID: {
    kind: 'input',
    hint: 'Nothing was changed: repair the file, or move it away and make new keys with `edgevlm keys create`.',
  },
  KEY_UNKNOWN: { kind: 'input', hint: 'Run `edgevlm keys list` to see the ids.' },
  TLS_INVALID: {
    kind: 'input',
    hint: 'Pass a PEM certificate (with its chain) with --tls-cert and its unencrypted PEM key with --tls-key.',
  },
  URL_REFUSED: {
    kind: 'input',
    hint: 'Send the picture itself, as a data URL or as a file; only https pictures of hosts named with --fetch-from are fetched.',
  },
  PICTURE_UNAVAILABLE: { kind: 'resource', hint: 'Check that the URL leads to a picture, or send the picture itself as a data URL.' },
  PICTURE_TIMEOUT: { kind: 'resource', hint: 'Try again, or send the picture itself as a data URL.' },
  QUEUE_FULL: {
    kind: 'resource',
    hint: 'Wait as long as Retry-After says and send the request again, or start the server with a larger --max-queue.',
  },
  SUPERSEDED: {
    kind: 'resource',
    hint: "Wait for the newer request's answer, give sources of their own names with X-Source, or leave X-Lane out.",
  },
  DEADLINE_EXCEEDED: {
    kind: 'resource',
    hint: 'Allow more time with X-Deadline-Ms, ask for fewer tokens, or send fewer requests at once.',
  },
  SHUTTING_DOWN: { kind: 'resource', hint: 'Send the request again when the server is back.' },
  PICTURE_QUARANTINED: {
    kind: 'input',
    hint: 'This picture ended the engine twice and is not tried again; please report it with the picture.',
  },
  IDEMPOTENCY_MISMATCH: { kind: 'input', hint: 'Use a new Idempotency-Key for every new request.' },
  MEMORY_BUDGET: {
    kind: 'resource',
    hint: 'Unload one of the models named with POST /models/unload, load a smaller one or with less context, or raise --memory-budget.',
  },
  MODEL_BUSY: { kind: 'resource', hint: 'Wait until the load that is under way has ended; GET /models tells.' },
  BENCHMARK_BUSY: { kind: 'resource', hint: 'Wait until the benchmark that runs has ended.' },
} as const satisfies Record<string, CatalogueEntry>;

export type ErrorCode = keyof typeof ERROR_CATALOGUE;

/** The wire form of an error, as it crosses a process boundary or is printed with `--json`. */
export interface ErrorRecord {
  code: ErrorCode;
  message: string;
  hint: string;
}

/** The only error type thrown on purpose. `cause` keeps what lay underneath. */
export class EdgeVlmError extends Error {
  override readonly name = 'EdgeVlmError';
  readonly hint: string;
  readonly exitCode: number;

  constructor(
    readonly code: ErrorCode,
    message: string,
    options: { cause?: unknown; hint?: string } = {},
  ) {
    super(message, 'cause' in options ? { cause: options.cause } : undefined);
    this.hint = options.hint ?? ERROR_CATALOGUE[code].hint;
    this.exitCode = EXIT_CODES[ERROR_CATALOGUE[code].kind];
  }

  toJSON(): ErrorRecord {
    return { code: this.code, message: this.message, hint: this.hint };
  }

  /** Rebuilds an error that came from another process. Unknown codes (another version) become INTERNAL. */
  static fromJSON(record: { code: string; message: string; hint?: string }): EdgeVlmError {
    const code = Object.hasOwn(ERROR_CATALOGUE, record.code) ? (record.code as ErrorCode) : 'INTERNAL';
    return new EdgeVlmError(code, record.message, record.hint === undefined ? {} : { hint: record.hint });
  }

  /** Wraps whatever was thrown; an EdgeVlmError passes through unchanged. */
  static from(thrown: unknown, code: ErrorCode = 'INTERNAL'): EdgeVlmError {
    if (thrown instanceof EdgeVlmError) return thrown;
    if (thrown instanceof Error && (thrown.name === 'AbortError' || thrown.name === 'TimeoutError'))
      return new EdgeVlmError('CANCELLED', 'cancelled', { cause: thrown });
    return new EdgeVlmError(code, thrown instanceof Error ? thrown.message : String(thrown), { cause: thrown });
  }
}
