import { isIP } from 'node:net';
import { EdgeVlmError } from '../../core/errors.js';
import { type AllowedHost, isAllowedHost } from './allowed-host.js';
import { FetchBudget } from './fetch-budget.js';
import { httpsGet } from './https-get.js';
import { isPublicAddress } from './public-address.js';
import { nameResolver, type ResolveHost } from './resolve-host.js';

export interface PictureFetcherOptions {
  /** Where pictures may be fetched from. */
  readonly hosts: readonly AllowedHost[];
  /** Largest picture, bytes. */
  readonly pictureBytes: number;
  /** All pictures of one request, bytes. Default: twice `pictureBytes`, what a request may carry itself. */
  readonly totalBytes?: number;
  /** All pictures of one request, from the first name to the last byte. Default 20 s. */
  readonly timeout_ms?: number;
  /** Default: the name servers of this machine. */
  readonly resolve?: ResolveHost;
  /** Where to connect to. Default: `isPublicAddress`. */
  readonly mayConnect?: (address: string) => boolean;
  /** Certificates to trust in place of the usual ones, PEM. */
  readonly ca?: string;
}

const TIMEOUT_MS = 20_000;
const MOST_REDIRECTS = 3;
const LONGEST_URL = 4096;

/**
 * Fetches pictures from hosts that were allowed, and lets nobody use this machine to reach others: https only, every address of the name
 * must be public, the connection goes to an address that was checked, and a redirect is checked like the URL before it (OWASP, "Server
 * Side Request Forgery Prevention Cheat Sheet").
 */
export class PictureFetcher {
  constructor(private readonly options: PictureFetcherOptions) {}

  /** Whether a URL may be fetched, as far as it says itself. @throws EdgeVlmError URL_REFUSED */
  check(text: string): URL {
    const url = text.length > LONGEST_URL ? null : parse(text);
    if (url === null) throw new EdgeVlmError('URL_REFUSED', `a picture's URL is not a URL of at most ${LONGEST_URL} characters`);
    if (url.protocol !== 'https:') throw new EdgeVlmError('URL_REFUSED', `pictures are not fetched from ${url.protocol.slice(0, 32)} URLs`);
    if (url.username !== '' || url.password !== '') throw new EdgeVlmError('URL_REFUSED', 'a URL must not hold a name or a password');
    if (!isAllowedHost(url, this.options.hosts)) {
      throw new EdgeVlmError('URL_REFUSED', `pictures are not fetched from ${url.host.slice(0, 253)}`);
    }
    return url;
  }

  /** For the pictures of one request. */
  budget(): FetchBudget {
    const { pictureBytes, totalBytes = 2 * pictureBytes, timeout_ms = TIMEOUT_MS } = this.options;
    return new FetchBudget({ pictureBytes, totalBytes, timeout_ms });
  }

  /**
   * A picture's bytes, whatever they are.
   * @param signal aborting ends the fetch; its reason is thrown
   * @throws EdgeVlmError URL_REFUSED, PICTURE_UNAVAILABLE, PICTURE_TIMEOUT, IMAGE_TOO_LARGE
   */
  async fetch(text: string, budget: FetchBudget, signal: AbortSignal): Promise<Buffer> {
    const late = new AbortController();
    const timer = setTimeout(() => {
      late.abort(new EdgeVlmError('PICTURE_TIMEOUT', `the pictures were not there after ${budget.limits.timeout_ms} ms`));
    }, budget.left_ms);
    const either = AbortSignal.any([signal, late.signal]);
    try {
      budget.nextPicture();
      return await this.#follow(text, budget, either);
    } catch (thrown) {
      if (either.aborted) throw EdgeVlmError.from(either.reason);
      if (thrown instanceof EdgeVlmError) throw thrown;
      const code = thrown instanceof Error && 'code' in thrown ? String(thrown.code) : 'no reason';
      throw new EdgeVlmError('PICTURE_UNAVAILABLE', `the picture could not be fetched: ${code}`, { cause: thrown });
    } finally {
      clearTimeout(timer);
    }
  }

  async #follow(text: string, budget: FetchBudget, signal: AbortSignal): Promise<Buffer> {
    const { ca } = this.options;
    let url = this.check(text);
    for (let redirects = 0; redirects <= MOST_REDIRECTS; redirects++) {
      const addresses = await this.#addressesOf(url, signal);
      const answer = await httpsGet({ url, addresses, budget, signal, ...(ca !== undefined && { ca }) });
      if ('bytes' in answer) return answer.bytes;
      url = this.check(URL.canParse(answer.redirect, url.href) ? new URL(answer.redirect, url).href : '');
    }
    throw new EdgeVlmError('PICTURE_UNAVAILABLE', `the picture is behind more than ${MOST_REDIRECTS} redirects`);
  }

  /** All of them must be allowed: which one a connection takes is up to the network. */
  async #addressesOf({ hostname }: URL, signal: AbortSignal): Promise<readonly string[]> {
    const { resolve = nameResolver(), mayConnect = isPublicAddress } = this.options;
    const literal = hostname.replace(/^\[|\]$/g, '');
    const addresses = isIP(literal) === 0 ? await resolve(hostname, signal) : [literal];
    if (addresses.length === 0) throw new EdgeVlmError('PICTURE_UNAVAILABLE', `the name ${hostname} has no address`);
    // Which address it was is nothing for the client: it may be the map of a network.
    if (!addresses.every(mayConnect)) throw new EdgeVlmError('URL_REFUSED', `${hostname} is not an address of the public internet`);
    return addresses;
  }
}

function parse(text: string): URL | null {
  return URL.canParse(text) ? new URL(text) : null;
}
