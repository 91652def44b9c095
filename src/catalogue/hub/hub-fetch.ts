import { EdgeVlmError } from '../../core/errors.js';
import { redact } from '../../core/redact.js';
import { checkRedirect } from './check-redirect.js';
import type { HubSettings } from './hub-settings.js';
import { parseUrl } from './parse-url.js';

/** What may pass when it is tried again: the connection, the server's mood. */
export class Interruption extends Error {
  override readonly name = 'Interruption';
  constructor(
    message: string,
    readonly options: { readonly cause?: unknown; readonly retryAfter_ms?: number } = {},
  ) {
    super(message, { cause: options.cause });
  }
}

export interface HubRequest {
  readonly method: 'GET' | 'HEAD';
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
}

/** As browsers and curl have it, roughly; the Hub needs two. */
const MAX_REDIRECTS = 10;
/** Longest wait a server may ask for, milliseconds. */
const LONGEST_RETRY_AFTER_MS = 60_000;

/**
 * Asks the Hub, following redirects by our own rules. The token goes to the endpoint's origin and nowhere else.
 * @returns every response on the way, the last one with its body unread.
 * @throws EdgeVlmError DOWNLOAD_REFUSED, DOWNLOAD_FAILED; Interruption where it is worth trying again; what `signal` aborts with.
 */
export async function hubFetch(start: URL, settings: HubSettings, request: HubRequest): Promise<{ last: Response; hops: Response[] }> {
  const hops: Response[] = [];
  for (let url = start; hops.length <= MAX_REDIRECTS;) {
    const ours = url.origin === settings.endpoint.origin;
    const headers = {
      // Ranges count the file's bytes, not those of a compressed form.
      'accept-encoding': 'identity',
      'user-agent': 'edgevlm',
      ...request.headers,
      ...(ours && settings.token !== undefined && { authorization: `Bearer ${settings.token}` }),
    };
    const last = await fetch(url, { method: request.method, headers, redirect: 'manual', signal: request.signal }).catch(
      (cause: unknown) => {
        if (request.signal.aborted) throw cause;
        throw new Interruption(`${url.host} cannot be reached: ${reason(cause)}`, { cause });
      },
    );
    hops.push(last);
    const location = last.headers.get('location');
    if (last.status < 300 || last.status > 399 || location === null) {
      if (!last.ok) throw failureOf(last, url);
      return { last, hops };
    }
    dropBody(last);
    const next = parseUrl(location, url);
    if (next === null) throw new EdgeVlmError('DOWNLOAD_FAILED', `${url.host} redirects to no address`);
    await checkRedirect(settings.endpoint, next);
    // The Hub has told what is asked of it, and the address it names may be signed for GET only.
    if (request.method === 'HEAD' && next.origin !== url.origin && last.headers.has('x-linked-etag')) return { last, hops };
    url = next;
  }
  throw new EdgeVlmError('DOWNLOAD_FAILED', `${start.host} redirects without an end`);
}

function failureOf(response: Response, { host, pathname }: URL): Error {
  dropBody(response);
  const { status } = response;
  // The Hub's own words: a gated repository, an entry that is not there.
  const words = response.headers.get('x-error-message');
  const said = words === null ? '' : `: ${redact(words.slice(0, 200))}`;
  if (status === 401 || status === 403)
    return new EdgeVlmError('DOWNLOAD_REFUSED', `${host} does not give us ${pathname} (${status})${said}`);
  if (status === 408 || status === 429 || status >= 500) {
    const seconds = Number(response.headers.get('retry-after') ?? 0);
    const retryAfter_ms = seconds > 0 ? Math.min(seconds * 1000, LONGEST_RETRY_AFTER_MS) : 0;
    return new Interruption(`${host} answers ${status}${said}`, { retryAfter_ms });
  }
  const hint =
    status === 404 || status === 410
      ? 'The repository or the file is not there; `edgevlm models list` tells which entries were never checked.'
      : undefined;
  return new EdgeVlmError('DOWNLOAD_FAILED', `${host} answers ${status} for ${pathname}${said}`, hint === undefined ? {} : { hint });
}

/** Nobody wants the rest of an answer. Not awaited: an aborted body of Node 20 may never finish being cancelled. */
export function dropBody({ body }: Response): void {
  body?.cancel().catch(() => undefined);
}

/** `fetch failed` says nothing; what lies beneath does. */
function reason(thrown: unknown): string {
  const cause = thrown instanceof Error && thrown.cause instanceof Error ? thrown.cause : thrown;
  if (!(cause instanceof Error)) return String(cause);
  return 'code' in cause && typeof cause.code === 'string' ? cause.code : cause.message;
}
