import { isIP } from 'node:net';

/** An address or name as URLs and Host headers spell it. */
export function hostInUrl(host: string): string {
  return isIP(host) === 6 ? `[${host}]` : host;
}
