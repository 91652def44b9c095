import { lookup } from 'node:dns/promises';
import { BlockList, isIP } from 'node:net';
import { EdgeVlmError } from '../../core/errors.js';

/** Addresses of one name; a test passes its own. */
export type Lookup = (host: string) => Promise<readonly { readonly address: string }[]>;

/** Loopback, private, link-local, carrier-grade and unspecified networks (RFC 6890). */
const PRIVATE = new BlockList();
for (const [network, prefix] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.168.0.0', 16],
] as const)
  PRIVATE.addSubnet(network, prefix, 'ipv4');
for (const [network, prefix] of [
  ['::', 127],
  ['fc00::', 7],
  ['fe80::', 10],
] as const)
  PRIVATE.addSubnet(network, prefix, 'ipv6');

const systemLookup: Lookup = (host) => lookup(host, { all: true });

/**
 * Whether a server may send us there: http or https only, never from https to http, no credentials in the address, and from a
 * public endpoint not into a private network.
 * @throws EdgeVlmError DOWNLOAD_FAILED
 */
export async function checkRedirect(endpoint: URL, next: URL, addressesOf: Lookup = systemLookup): Promise<void> {
  const refuse = (why: string): EdgeVlmError =>
    new EdgeVlmError('DOWNLOAD_FAILED', `${endpoint.host} sends us to ${next.protocol}//${next.host}, ${why}`, {
      hint: 'Check HF_ENDPOINT: a model hub does not do that.',
    });
  if (!/^https?:$/.test(next.protocol)) throw refuse('which is no web address');
  if (endpoint.protocol === 'https:' && next.protocol === 'http:') throw refuse('which is not encrypted');
  if (next.username !== '' || next.password !== '') throw refuse('with credentials in the address');
  if (next.host === endpoint.host) return;
  if ((await isPrivate(next, addressesOf)) && !(await isPrivate(endpoint, addressesOf))) throw refuse('which is inside a private network');
}

async function isPrivate(url: URL, addressesOf: Lookup): Promise<boolean> {
  const host = url.hostname.replace(/^\[|\]$/g, '');
  if (host === 'localhost' || host.endsWith('.localhost')) return true;
  // A name that cannot be looked up cannot be connected to either.
  const addresses = isIP(host) !== 0 ? [{ address: host }] : await addressesOf(host).catch(() => []);
  return addresses.some(({ address }) => PRIVATE.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4'));
}
