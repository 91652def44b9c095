import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';

/** The only part of IPv6 that networks are given addresses from (RFC 4291 §2.4; IANA, "IPv6 Global Unicast Address Assignments"). */
const GLOBAL_UNICAST = ipaddr.IPv6.parseCIDR('2000::/3');

/**
 * Whether an address belongs to the public internet. Loopback, private, link-local, shared (CGNAT), multicast, documentation and other
 * reserved ranges of IANA's special-purpose registries do not; nor do IPv6 addresses with an IPv4 one inside (mapped, compatible,
 * 6to4, Teredo, NAT64): those may lead to any of them.
 */
export function isPublicAddress(address: string): boolean {
  if (isIP(address) === 0) return false;
  const parsed = ipaddr.parse(address);
  if (parsed.range() !== 'unicast') return false;
  return parsed instanceof ipaddr.IPv4 || parsed.match(GLOBAL_UNICAST);
}
