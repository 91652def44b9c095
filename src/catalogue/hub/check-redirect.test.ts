import { describe, expect, it } from 'vitest';
import { checkRedirect } from './check-redirect.js';

const HUB = 'https://hub.example';
const addresses: Record<string, string> = {
  'hub.example': '203.0.113.5',
  'store.example': '203.0.113.9',
  'inside.example': '10.1.2.3',
  'mirror.lan': '192.168.1.4',
};
const check = (from: string, to: string): Promise<void> =>
  checkRedirect(new URL(from), new URL(to), (host) =>
    addresses[host] === undefined ? Promise.reject(new Error('ENOTFOUND')) : Promise.resolve([{ address: addresses[host] }]),
  );

describe('a redirect', () => {
  it.each([
    [HUB, 'https://store.example/x?signature=1'],
    [HUB, 'https://hub.example/elsewhere'],
    [HUB, 'https://198.51.100.7/x'],
    [HUB, 'https://gone.example/x'],
    ['http://mirror.lan', 'http://10.0.0.7:9000/x'],
    ['http://127.0.0.1:8080', 'http://localhost/x'],
  ])('from %s to %s is followed', async (from, to) => {
    await expect(check(from, to)).resolves.toBeUndefined();
  });

  it.each([
    [HUB, 'file:///etc/passwd', 'no web address'],
    [HUB, 'http://store.example/x', 'not encrypted'],
    [HUB, 'https://user:pass@store.example/x', 'credentials'],
    [HUB, 'https://localhost/x', 'private network'],
    [HUB, 'https://127.1/x', 'private network'],
    [HUB, 'https://0x7f000001/x', 'private network'],
    [HUB, 'https://169.254.169.254/latest/meta-data', 'private network'],
    [HUB, 'https://[::1]/x', 'private network'],
    [HUB, 'https://[::ffff:10.0.0.1]/x', 'private network'],
    [HUB, 'https://[fd00::1]/x', 'private network'],
    [HUB, 'https://inside.example/x', 'private network'],
  ])('from %s to %s is refused', async (from, to, why) => {
    await expect(check(from, to)).rejects.toMatchObject({ code: 'DOWNLOAD_FAILED', message: expect.stringContaining(why) as string });
  });
});
