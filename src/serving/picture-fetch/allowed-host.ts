import { isIP } from 'node:net';
import { EdgeVlmError } from '../../core/errors.js';

/** A server that pictures may be fetched from, or all below a domain. */
export interface AllowedHost {
  /** As URLs spell it: lower case, Punycode, IPv6 in brackets. */
  readonly hostname: string;
  /** The names below `hostname`, and not itself. */
  readonly below: boolean;
  /** Empty: that of https. */
  readonly port: string;
}

/** Reads `example.com`, `*.example.com` or either with `:8443`. @throws USAGE */
export function parseAllowedHost(text: string): AllowedHost {
  const below = text.startsWith('*.');
  const url = parse(below ? text.slice(2) : text);
  const isName = url !== null && isIP(url.hostname.replace(/^\[|\]$/g, '')) === 0;
  // `*.com` would be half of the internet; so would a name with a dot at its end be another way around the list.
  if (url === null || url.hostname.endsWith('.') || (below && !(isName && url.hostname.includes('.')))) {
    throw new EdgeVlmError('USAGE', `${JSON.stringify(text)} is not a host to fetch from`, {
      hint: 'Pass a name as example.com, *.example.com for all below it, or either with a port as example.com:8443.',
    });
  }
  return { hostname: url.hostname, below, port: url.port };
}

/** Whether one of `hosts` is where a URL leads. */
export function isAllowedHost({ hostname, port }: URL, hosts: readonly AllowedHost[]): boolean {
  // `https://.example.com/` is a URL, and no name.
  if (hostname.split('.').includes('')) return false;
  return hosts.some((host) => port === host.port && (host.below ? hostname.endsWith(`.${host.hostname}`) : hostname === host.hostname));
}

function parse(host: string): URL | null {
  // Everything that a URL may have besides a host.
  if (!/^[^\s/?#@\\%*]+$/.test(host)) return null;
  try {
    return new URL(`https://${host}`);
  } catch {
    return null;
  }
}
