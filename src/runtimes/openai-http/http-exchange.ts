import http from 'node:http';
import https from 'node:https';
import { EdgeVlmError } from '../../core/errors.js';

/** Whom to ask, and how patiently. */
export interface ServerAccess {
  /** With the path under which the calls lie: `http://host:8080/v1`. */
  readonly base: URL;
  readonly apiKey: string | undefined;
  /** How long nothing may come, milliseconds: a long prompt on a slow machine takes minutes to its first token. */
  readonly silence_ms: number;
}

interface Exchange {
  /** Below the base: `chat/completions`. */
  readonly path: string;
  /** A POST when there is one. */
  readonly body?: object;
  readonly signal?: AbortSignal | undefined;
  /** Overrides the access's own. */
  readonly silence_ms?: number;
}

/** A list of models, or the words of an error. */
const LONGEST_ANSWER = 4 * 1024 * 1024;
/** Of a stream: a hundred thousand tokens, as chatty as servers are. */
const LONGEST_STREAM = 256 * 1024 * 1024;

/**
 * Sends a request and hands on the body as it comes, once the server has said that all is well. `node:http` rather than `fetch`, whose
 * patience ends after five minutes. Redirects are not followed: the key goes to the server that was named.
 * @throws SERVER_AWAY, SERVER_REFUSED, CONTEXT_FULL, ENGINE_TIMEOUT, CANCELLED
 */
export async function* exchange(access: ServerAccess, request: Exchange): AsyncGenerator<Buffer, void, void> {
  const { host } = access.base;
  try {
    const response = await send(access, request);
    const status = response.statusCode ?? 0;
    if (status !== 200) throw refusal(host, status, await readAll(response));
    let bytes = 0;
    for await (const chunk of response as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes > LONGEST_STREAM) throw new EdgeVlmError('SERVER_REFUSED', `the answer of ${host} is longer than ${LONGEST_STREAM} bytes`);
      yield chunk;
    }
  } catch (thrown) {
    throw failureOf(thrown, host, request.signal);
  }
}

/** A whole answer as JSON. @throws as `exchange` */
export async function exchangeJson(access: ServerAccess, request: Exchange): Promise<unknown> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of exchange(access, request)) {
    bytes += chunk.length;
    if (bytes > LONGEST_ANSWER)
      throw new EdgeVlmError('SERVER_REFUSED', `the answer of ${access.base.host} is longer than ${LONGEST_ANSWER} bytes`);
    chunks.push(chunk);
  }
  return parseJson(Buffer.concat(chunks).toString('utf8'));
}

/** undefined when it is none. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function send(access: ServerAccess, request: Exchange): Promise<http.IncomingMessage> {
  const { base, apiKey, silence_ms } = access;
  const { path, body, signal } = request;
  const url = new URL(base);
  url.pathname = `${base.pathname.replace(/\/$/, '')}/${path}`;
  const bytes = body === undefined ? undefined : Buffer.from(JSON.stringify(body));
  const patience_ms = request.silence_ms ?? silence_ms;
  return new Promise((resolve, reject) => {
    const outgoing = (url.protocol === 'https:' ? https : http).request(
      url,
      {
        method: bytes === undefined ? 'GET' : 'POST',
        headers: {
          'user-agent': 'edgevlm',
          accept: 'application/json, text/event-stream',
          ...(apiKey !== undefined && { authorization: `Bearer ${apiKey}` }),
          ...(bytes !== undefined && { 'content-type': 'application/json', 'content-length': bytes.length }),
        },
        ...(signal !== undefined && { signal }),
      },
      resolve,
    );
    outgoing.setTimeout(patience_ms, () => {
      outgoing.destroy(new EdgeVlmError('ENGINE_TIMEOUT', `${base.host} said nothing for ${patience_ms / 1000} s`));
    });
    outgoing.on('error', (error: NodeJS.ErrnoException) => {
      // A connection kept from before, which the server gave up in the same moment.
      if (outgoing.reusedSocket && error.code === 'ECONNRESET') send(access, request).then(resolve, reject);
      else reject(error);
    });
    outgoing.end(bytes);
  });
}

/** The first bytes of an answer that is not one. */
async function readAll(response: http.IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes > LONGEST_ANSWER) break;
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** What `{"error": {"message": …}}`, `{"error": …}` or a page says. */
export function errorWords(answer: unknown): string | undefined {
  const property = (value: unknown, name: string): unknown =>
    typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined;
  const error = property(answer, 'error') ?? answer;
  const words = property(error, 'message') ?? property(error, 'detail') ?? error;
  return typeof words === 'string' ? words.replace(/\s+/g, ' ').slice(0, 300) : undefined;
}

function refusal(host: string, status: number, body: string): EdgeVlmError {
  const words = errorWords(parseJson(body)) ?? errorWords(body);
  const message = `${host} answers ${status}${words === undefined || words === '' ? '' : `: ${words}`}`;
  // llama-server's `exceed_context_size_error`, vLLM's and OpenAI's `context_length_exceeded`.
  if (/exceed_context_size|context_length_exceeded/.test(body)) return new EdgeVlmError('CONTEXT_FULL', message);
  if (status === 401 || status === 403)
    return new EdgeVlmError('SERVER_REFUSED', message, { hint: 'Set EDGEVLM_API_KEY to a key that the server knows.' });
  if (status === 404) {
    return new EdgeVlmError('SERVER_REFUSED', message, { hint: 'Check the address: it ends before /completions, in most cases with /v1.' });
  }
  return new EdgeVlmError(status === 429 || status >= 502 ? 'SERVER_AWAY' : 'SERVER_REFUSED', message);
}

function failureOf(thrown: unknown, host: string, signal: AbortSignal | undefined): EdgeVlmError {
  if (thrown instanceof EdgeVlmError) return thrown;
  if (signal?.aborted === true) return new EdgeVlmError('CANCELLED', 'stopped while generating', { cause: thrown });
  const error: unknown = thrown instanceof AggregateError ? thrown.errors[0] : thrown;
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  const reason = TROUBLES[code] ?? (code || (error instanceof Error ? error.message : String(error)));
  return new EdgeVlmError('SERVER_AWAY', `${host} does not answer: ${reason}`, { cause: thrown });
}

const TROUBLES: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there (ECONNREFUSED)',
  ENOTFOUND: 'there is no host of this name (ENOTFOUND)',
  EAI_AGAIN: 'the name cannot be looked up now (EAI_AGAIN)',
  ECONNRESET: 'it broke the connection off (ECONNRESET)',
  EHOSTUNREACH: 'there is no way to this host (EHOSTUNREACH)',
  ETIMEDOUT: 'the connection timed out (ETIMEDOUT)',
  EPROTO: 'it does not speak TLS: try http:// (EPROTO)',
};
