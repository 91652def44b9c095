import { EdgeVlmError } from '../../../core/errors.js';
import { redact } from '../../../core/redact.js';
import type { ConfigName, ConfigValue, TtftConfig } from './parse-config.js';

/** What is compared, and with which prompts. */
export interface TtftSettings {
  /** A name or path, as the baseline's runtime takes it. */
  readonly baselineModel: string;
  /** Address of the server, with or without `/v1`; the calls go to `/v1/completions` below it. */
  readonly apiBaseUrl: string;
  /** What the server calls its model; null leaves `model` out of the request. */
  readonly modelAlias: string | null;
  /** Null for the prompts that EdgeVLM ships. */
  readonly shortPromptsFile: string | null;
  readonly longPromptsFile: string | null;
  /** New tokens for each prompt. */
  readonly maxNewTokens: number;
}

const DEFAULT_URL = 'http://localhost:8000';
const DEFAULT_MAX_NEW_TOKENS = 10;
const MOST_NEW_TOKENS = 65_536;

/**
 * Puts settings together; the first of `sources` that has one decides.
 * @throws USAGE for a missing model, an address that is none, a number that is none
 */
export function ttftSettings(sources: readonly TtftConfig[]): TtftSettings {
  const find = (name: ConfigName): ConfigValue | undefined => sources.find((config) => config[name] !== undefined)?.[name];
  const text = (name: ConfigName): string | null => find(name)?.value ?? null;
  const baselineModel = text('BASELINE_MODEL_NAME');
  if (baselineModel === null) {
    throw new EdgeVlmError('USAGE', 'the baseline has no model', {
      hint: 'Name one with --baseline-model, or BASELINE_MODEL_NAME in the environment or the --config file: a folder, a GGUF file, or a name such as shapes.',
    });
  }
  return {
    baselineModel,
    apiBaseUrl: checkUrl(find('LLAMACPP_API_BASE_URL')),
    modelAlias: text('LLAMACPP_MODEL_ALIAS'),
    shortPromptsFile: text('SHORT_PROMPTS_FILE'),
    longPromptsFile: text('LONG_PROMPTS_FILE'),
    maxNewTokens: checkTokens(find('MAX_NEW_TOKENS_FOR_TTFT')),
  };
}

/** The address below which `/completions` lies: `http://host:8000` and `http://host:8000/v1/` are both `http://host:8000/v1`. */
export function apiRoot(baseUrl: string): string {
  const url = baseUrl.replace(/\/+$/, '').replace(/\/(?:chat\/)?completions$/, '');
  return url.endsWith('/v1') ? url : `${url}/v1`;
}

function checkUrl(given: ConfigValue | undefined): string {
  const value = given?.value ?? DEFAULT_URL;
  const url = URL.canParse(value) ? new URL(value) : undefined;
  if (
    url !== undefined &&
    /^https?:$/.test(url.protocol) &&
    url.search === '' &&
    url.hash === '' &&
    url.username === '' &&
    url.password === ''
  )
    return value;
  throw new EdgeVlmError(
    'USAGE',
    `${given?.source ?? 'the address'} is ${JSON.stringify(redact(value))}: expected the address of a server`,
    {
      hint: `Write it with http:// or https:// and without the path of the call, for example ${DEFAULT_URL}; a key goes into EDGEVLM_API_KEY.`,
    },
  );
}

function checkTokens(given: ConfigValue | undefined): number {
  if (given === undefined) return DEFAULT_MAX_NEW_TOKENS;
  const value = /^\d+$/.test(given.value ?? '') ? Number(given.value) : 0;
  if (value >= 1 && value <= MOST_NEW_TOKENS) return value;
  throw new EdgeVlmError(
    'USAGE',
    `${given.source} is ${given.value ?? 'None'}: expected a whole number of new tokens from 1 to ${MOST_NEW_TOKENS}`,
  );
}
