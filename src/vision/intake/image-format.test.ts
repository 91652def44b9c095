import { expect, it } from 'vitest';
import { sniffImageFormat } from './image-format.js';

const bytes = (latin1: string): Uint8Array => Buffer.from(latin1, 'latin1');

it.each([
  ['\xff\xd8\xff\xe0rest', 'jpeg'],
  ['\x89PNG\r\n\x1a\nrest', 'png'],
  ['GIF89arest', 'gif'],
  ['RIFF\x24\0\0\0WEBPVP8 ', 'webp'],
  ['II*\0rest', 'tiff'],
  ['MM\0*rest', 'tiff'],
  ['\0\0\0\x20ftypavif\0\0\0\0', 'avif'],
  ['\0\0\0\x20ftypmif1\0\0\0\0mif1avif', 'avif'],
])('%j is %s', (head, format) => {
  expect(sniffImageFormat(bytes(head))).toBe(format);
});

it.each([
  '',
  '\xff\xd8',
  '<svg xmlns="http://www.w3.org/2000/svg">',
  '%PDF-1.7',
  'RIFF\x24\0\0\0WAVEfmt ',
  '\0\0\0\x20ftypheic\0\0\0\0',
  'BM',
])('%j is none of ours', (head) => {
  expect(sniffImageFormat(bytes(head))).toBeUndefined();
});
