import { expect, it } from 'vitest';
import { isPublicAddress } from './public-address.js';

it.each([
  ['loopback', '127.0.0.1', '127.255.255.254', '::1'],
  ['this network', '0.0.0.0', '0.1.2.3', '::'],
  ['private', '10.0.0.1', '172.16.0.1', '172.31.255.255', '192.168.1.1', 'fc00::1', 'fd12:3456::1', 'fec0::1'],
  ['link-local, clouds tell their secrets there', '169.254.169.254', 'fe80::1', 'fd00:ec2::254'],
  ['shared by providers', '100.64.0.1', '100.127.255.255'],
  ['multicast and broadcast', '224.0.0.1', '239.255.255.255', '255.255.255.255', 'ff02::1'],
  ['reserved', '192.0.0.1', '192.0.2.1', '198.18.0.1', '198.51.100.1', '203.0.113.1', '240.0.0.1', '2001:db8::1', '3fff::1', '100::1'],
  ['IPv4 in IPv6', '::ffff:127.0.0.1', '::ffff:8.8.8.8', '::127.0.0.1', '::ffff:0:127.0.0.1'],
  ['tunnels and translations', '2002:7f00:1::', '2001::1', '64:ff9b::7f00:1', '64:ff9b:1::7f00:1', '192.88.99.1'],
  ['not given out', '4000::1', '1::1', '5f00::1'],
  ['no address', '', 'localhost', '2130706433', '0x7f.1', '127.1', '1.2.3.4 ', '[::1]', '::1%lo'],
])('%s is not public', (_, ...addresses) => {
  expect(addresses.filter(isPublicAddress)).toEqual([]);
});

it('what anybody may reach is', () => {
  const addresses = ['1.1.1.1', '8.8.8.8', '93.184.216.34', '172.32.0.1', '100.128.0.1', '2606:4700::1111', '2a00:1450:4001::1'];
  expect(addresses.filter((address) => !isPublicAddress(address))).toEqual([]);
});
