import fc from 'fast-check';
import { expect, it } from 'vitest';
import { EdgeVlmError } from '../../core/errors.js';
import { decodeDataUrl } from './decode-data-url.js';

it('gives back every picture that is small enough, whatever it is called', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 1, maxLength: 100 }),
      fc.constantFrom('image/png', 'image/svg+xml', 'a/b;charset=x', ''),
      (bytes, type) => {
        const url = `data:${type};base64,${Buffer.from(bytes).toString('base64')}`;
        expect([...decodeDataUrl(url, 'url', 100)]).toEqual([...bytes]);
      },
    ),
  );
});

it('is too large by one byte', () => {
  const url = (bytes: number): string => `data:image/png;base64,${Buffer.alloc(bytes).toString('base64')}`;
  expect(decodeDataUrl(url(100), 'url', 100)).toHaveLength(100);
  expect(() => decodeDataUrl(url(101), 'url', 100)).toThrow(expect.objectContaining({ code: 'IMAGE_TOO_LARGE' }));
});

it('refuses every base64 that one character does not belong to', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 1, maxLength: 50 }),
      fc.constantFrom('!', '%', '.', ' ', '\n', '\0', 'é', '€'),
      fc.nat(),
      (bytes, odd, where) => {
        const base64 = Buffer.from(bytes).toString('base64').replace(/=+$/, '');
        const at = where % base64.length;
        for (const broken of [base64.slice(0, at) + odd + base64.slice(at), base64.slice(0, at) + odd + base64.slice(at + 1)]) {
          expect(() => decodeDataUrl(`data:image/png;base64,${broken}`, 'url', 100)).toThrow(
            expect.objectContaining({ code: 'REQUEST_INVALID' }),
          );
        }
      },
    ),
  );
  for (const base64 of ['', '=', '==', '====', 'A', 'AAAAA', 'AAA===', 'AA=A'])
    expect(() => decodeDataUrl(`data:;base64,${base64}`, 'url', 100)).toThrow('is not base64');
});

it('refuses anything else with a code', () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.webUrl(),
        fc.string().map((text) => `data:${text}`),
      ),
      (url) => {
        try {
          decodeDataUrl(url, 'url', 100);
        } catch (thrown) {
          expect(thrown).toBeInstanceOf(EdgeVlmError);
        }
      },
    ),
  );
});
