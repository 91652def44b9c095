import { describe, expect, it } from 'vitest';
import { isAllowedHost, parseAllowedHost } from './allowed-host.js';

describe('a host to fetch from', () => {
  it.each([
    ['example.com', ['https://example.com/a.png', 'https://EXAMPLE.com:443/', 'https://example。com/']],
    ['Example.COM', ['https://example.com/']],
    ['*.example.com', ['https://a.example.com/', 'https://a.b.example.com/']],
    ['example.com:8443', ['https://example.com:8443/']],
    ['bücher.example', ['https://xn--bcher-kva.example/', 'https://BÜCHER.example/']],
    ['93.184.216.34', ['https://93.184.216.34/', 'https://0x5db8d822/']],
    ['[2606:4700::1111]', ['https://[2606:4700:0:0::1111]/']],
  ])('%s is where these lead: %j', (host, urls) => {
    const hosts = [parseAllowedHost(host)];
    expect(urls.filter((url) => !isAllowedHost(new URL(url), hosts))).toEqual([]);
  });

  it.each([
    ['example.com', ['https://a.example.com/', 'https://example.com.evil.org/', 'https://example.com:8443/', 'https://example.com./']],
    ['*.example.com', ['https://example.com/', 'https://evilexample.com/', 'https://a.example.com:8443/', 'https://a.example.com./']],
    ['example.com:8443', ['https://example.com/']],
  ])('%s is not where these lead: %j', (host, urls) => {
    const hosts = [parseAllowedHost(host)];
    expect(urls.filter((url) => isAllowedHost(new URL(url), hosts))).toEqual([]);
  });

  it.each([
    '',
    '*',
    '*.',
    '*.com',
    '*.1.2.3.4',
    'a.*.com',
    'https://example.com',
    'example.com/a',
    'user@example.com',
    'example.com.',
    'example.com:99999',
    'a b',
    '[::1',
    'ex%61mple.com',
  ])('%j is none', (host) => {
    expect(() => parseAllowedHost(host)).toThrow(expect.objectContaining({ code: 'USAGE' }));
  });
});
