import { isIP } from 'node:net';
import { EdgeVlmError } from '../../core/errors.js';
import type { Logger } from '../../core/logger.js';
import { KeyRing } from '../../server/keys/key-ring.js';
import type { ServerOptions } from '../../server/server-options.js';
import { TlsCertificate } from '../../server/tls-certificate.js';
import { parseAllowedHost } from '../../serving/picture-fetch/allowed-host.js';
import { PictureFetcher } from '../../serving/picture-fetch/picture-fetcher.js';
import { keyFile } from '../key-file.js';
import type { AccessOptions } from '../options/access-options.js';
import { hostInUrl } from './host-in-url.js';

export type ServerAccess = Pick<ServerOptions, 'keys' | 'hostNames' | 'corsOrigins' | 'rateLimit' | 'tls' | 'fetcher'>;

const LOOPBACK_NAMES = ['localhost', '127.0.0.1', '[::1]'];

/**
 * Who may use a server and what it may reach, of the options, the environment (`EDGEVLM_API_KEY`) and the keys that were made.
 * @throws EdgeVlmError USAGE for what would be open to others by mistake; KEYS_INVALID, TLS_INVALID, FILE_NOT_FOUND, FILE_UNREADABLE
 */
export async function openAccess(
  options: AccessOptions & { readonly host: string; readonly maxImageBytes: number },
  logger: Logger,
): Promise<ServerAccess> {
  const { host, maxImageBytes: pictureBytes, rateLimit, tlsCert, tlsKey } = options;
  const hosts = options.fetchFrom.map(parseAllowedHost);
  const keys = await KeyRing.open({ given: givenKeys(options), file: keyFile(), logger });
  const loopback = isLoopback(host);
  if (!loopback && !keys.areAsked && options.insecure !== true) {
    throw new EdgeVlmError('USAGE', `${host} can be reached by other machines, and no key is asked for`, {
      hint: 'Make a key with `edgevlm keys create`, set EDGEVLM_API_KEY to a secret of your choice, or pass --insecure if everybody may use this server.',
    });
  }
  if ((tlsCert === undefined) !== (tlsKey === undefined)) throw new EdgeVlmError('USAGE', 'pass both --tls-cert and --tls-key, or neither');
  const isTls = tlsCert !== undefined && tlsKey !== undefined;
  return {
    keys,
    hostNames: loopback && !keys.areAsked ? [...LOOPBACK_NAMES, hostInUrl(host)] : [],
    corsOrigins: options.corsOrigin,
    ...(rateLimit !== undefined && { rateLimit }),
    ...(isTls && { tls: await TlsCertificate.open({ cert: tlsCert, key: tlsKey }, logger) }),
    ...(hosts.length > 0 && { fetcher: new PictureFetcher({ hosts, pictureBytes }) }),
  };
}

/** From the options and the environment, where several are separated by commas. */
function givenKeys({ apiKey }: AccessOptions): string[] {
  const keys = [...apiKey, ...(process.env['EDGEVLM_API_KEY'] ?? '').split(',')].map((key) => key.trim()).filter((key) => key !== '');
  if (keys.some((key) => /\s/.test(key))) throw new EdgeVlmError('USAGE', 'an API key must not contain white space');
  return keys;
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
}
