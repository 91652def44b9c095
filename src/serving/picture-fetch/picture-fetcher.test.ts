import fc from 'fast-check';
import { expect, it } from 'vitest';
import { EdgeVlmError } from '../../core/errors.js';
import { parseAllowedHost } from './allowed-host.js';
import { PictureFetcher } from './picture-fetcher.js';

const fetcher = new PictureFetcher({ hosts: ['pictures.example', '*.cdn.example'].map(parseAllowedHost), pictureBytes: 100 });

/** URLs near those that are allowed. */
const pieces = fc.constantFrom(
  ...['https:', 'http:', '//', '/', '\\', '@', ':', '443', '22', '#', '?', '%00', '%2e', '.', ' ', '\t', '\n', 'user', '[::1]', '127.1'],
  ...['pictures.example', 'a.cdn.example', 'cdn.example', 'evil.example', '。', '／', '＠', '\u00ad', '\u200b', '../', ';', '&', '\0'],
);
const text = fc.oneof(
  fc.string(),
  fc.webUrl(),
  fc.array(pieces, { maxLength: 10 }).map((all) => all.join('')),
  fc.array(pieces, { maxLength: 8 }).map((all) => `https://${all.join('')}`),
  fc.array(pieces, { maxLength: 8 }).map((all) => `https://pictures.example${all.join('')}`),
);

it('lets through nothing but https to the hosts that were allowed, however a URL is spelled', () => {
  let allowed = 0;
  fc.assert(
    fc.property(text, (url) => {
      try {
        const { protocol, username, password, host } = fetcher.check(url);
        expect([protocol, username, password]).toEqual(['https:', '', '']);
        expect(host).toMatch(/^(pictures\.example|([^/\\@:?#]+\.)cdn\.example)$/);
        allowed++;
      } catch (thrown) {
        if (!(thrown instanceof EdgeVlmError)) throw thrown;
        expect(thrown.code).toBe('URL_REFUSED');
      }
    }),
    { numRuns: Number(process.env['EDGEVLM_FUZZ_REQUESTS'] ?? 2000) },
  );
  expect(allowed).toBeGreaterThan(0);
});
