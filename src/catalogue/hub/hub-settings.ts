import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { EdgeVlmError } from '../../core/errors.js';
import { parseUrl } from './parse-url.js';

/** How the Hub is reached, by the environment variables of `huggingface_hub`. */
export interface HubSettings {
  /** Ends with a slash. */
  readonly endpoint: URL;
  /** Sent to the endpoint's own origin only. */
  readonly token?: string;
}

const DEFAULT_ENDPOINT = 'https://huggingface.co';
/** As in huggingface_hub's constants.py. */
const YES = /^(1|on|yes|true)$/i;
/** Longer than any token; the file could be anything. */
const LONGEST_TOKEN = 4096;

/**
 * Reads `HF_ENDPOINT`, `HF_TOKEN` (else the file `$HF_HOME/token` that `hf auth login` writes), `HF_HUB_OFFLINE` and
 * `TRANSFORMERS_OFFLINE`.
 * @throws EdgeVlmError OFFLINE when one of the last two is on; USAGE for an endpoint or token that cannot be one.
 */
export async function hubSettings(env: NodeJS.ProcessEnv = process.env): Promise<HubSettings> {
  for (const name of ['HF_HUB_OFFLINE', 'TRANSFORMERS_OFFLINE']) {
    if (YES.test(env[name] ?? '')) throw new EdgeVlmError('OFFLINE', `${name} is set, so nothing is downloaded`);
  }
  const token = (env['HF_TOKEN'] ?? '').trim() || (await storedToken(env));
  // A header takes nothing else. The token itself is in no message.
  if (token !== '' && !/^[\x21-\x7e]+$/.test(token))
    throw new EdgeVlmError('USAGE', 'HF_TOKEN is not a token: it has spaces or control characters');
  return { endpoint: parseEndpoint(env['HF_ENDPOINT'] ?? ''), ...(token !== '' && { token }) };
}

function parseEndpoint(text: string): URL {
  const endpoint = parseUrl((text.trim() || DEFAULT_ENDPOINT).replace(/\/*$/, '/'));
  if (
    endpoint !== null &&
    /^https?:$/.test(endpoint.protocol) &&
    endpoint.username === '' &&
    endpoint.password === '' &&
    endpoint.search === ''
  )
    return endpoint;
  throw new EdgeVlmError('USAGE', 'HF_ENDPOINT must be an http or https address without a user name and a query');
}

async function storedToken(env: NodeJS.ProcessEnv): Promise<string> {
  // An empty variable means "not set".
  const variable = (name: string): string | undefined => (env[name] === '' ? undefined : env[name]);
  const cache = variable('XDG_CACHE_HOME') ?? join(homedir(), '.cache');
  const file = join(variable('HF_HOME') ?? join(cache, 'huggingface'), 'token');
  const text = await readFile(file, 'utf8').catch(() => '');
  return text.length > LONGEST_TOKEN ? '' : text.trim();
}
