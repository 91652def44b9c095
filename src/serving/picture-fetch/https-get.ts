import type { IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { isIP, type LookupFunction } from 'node:net';
import { EdgeVlmError } from '../../core/errors.js';
import type { FetchBudget } from './fetch-budget.js';

export interface HttpsGet {
  readonly url: URL;
  /** Where to connect, whatever the name means by then; not empty. */
  readonly addresses: readonly string[];
  /** What may be read. */
  readonly budget: FetchBudget;
  readonly signal: AbortSignal;
  /** Certificates to trust in place of the usual ones, PEM. */
  readonly ca?: string;
}

export type HttpsAnswer = { readonly bytes: Buffer } | { readonly redirect: string };

const REDIRECTS = new Set([301, 302, 303, 307, 308]);

/**
 * One GET, over a connection of its own to one of `addresses`; the certificate must be that of the URL's name.
 * @throws EdgeVlmError PICTURE_UNAVAILABLE, IMAGE_TOO_LARGE; whatever the network throws
 */
export async function httpsGet({ url, addresses, budget, signal, ca }: HttpsGet): Promise<HttpsAnswer> {
  const request = httpsRequest(url, {
    // A connection that is kept could be one to an address that is not checked any more.
    agent: false,
    lookup: pinned(addresses),
    // Said here, because NODE_TLS_REJECT_UNAUTHORIZED=0 changes the default.
    rejectUnauthorized: true,
    signal,
    headers: { accept: 'image/*', 'accept-encoding': 'identity', 'user-agent': 'edgevlm' },
    ...(ca !== undefined && { ca }),
  });
  try {
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      request.on('response', resolve).on('error', reject);
      // A server that changes the protocol (status 101) gets no error and no response event.
      request.on('close', () => {
        reject(new EdgeVlmError('PICTURE_UNAVAILABLE', `${url.hostname} did not answer`));
      });
      request.end();
    });
    return await read(response, url.hostname, budget);
  } finally {
    request.destroy();
  }
}

async function read(response: IncomingMessage, host: string, budget: FetchBudget): Promise<HttpsAnswer> {
  const { statusCode = 0, headers } = response;
  if (REDIRECTS.has(statusCode) && headers.location !== undefined) return { redirect: headers.location };
  if (statusCode !== 200) throw new EdgeVlmError('PICTURE_UNAVAILABLE', `${host} answered with status ${statusCode}`);
  const encoding = headers['content-encoding']?.trim().toLowerCase() ?? 'identity';
  if (encoding !== 'identity') {
    // Pictures are compressed already; what unpacks to more than was sent is not let in.
    throw new EdgeVlmError('PICTURE_UNAVAILABLE', `${host} sent the picture with a content encoding, which was not asked for`);
  }
  budget.expect(Number(headers['content-length'] ?? 0));
  const chunks: Buffer[] = [];
  for await (const chunk of response as AsyncIterable<Buffer>) {
    budget.take(chunk.length);
    chunks.push(chunk);
  }
  if (chunks.length === 0) throw new EdgeVlmError('PICTURE_UNAVAILABLE', `${host} sent nothing`);
  return { bytes: Buffer.concat(chunks) };
}

/** Resolves every name to the same addresses. */
function pinned(addresses: readonly string[]): LookupFunction {
  const found = addresses.map((address) => ({ address, family: isIP(address) }));
  return (_hostname, options, callback) => {
    const [first] = found;
    if (options.all === true || first === undefined) callback(null, found);
    else callback(null, first.address, first.family);
  };
}
