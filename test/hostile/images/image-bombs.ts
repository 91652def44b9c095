import { deflateSync } from 'node:zlib';
import { blankPng, encodePng, type PngChunk, parsePng } from './png.js';
import type { SeedImage } from './seed-images.js';

const GREY = { bits: 1, type: 0, channels: 1 };
const DEEP = { bits: 16, type: 6, channels: 4 };
const MEGABYTE = 2 ** 20;

/** Small files that ask for much: pixels, frames, scans, text, profiles. Made when their turn comes. */
export const IMAGE_BOMBS: Readonly<Record<string, (seeds: readonly SeedImage[]) => Buffer>> = {
  'png of 2.5 gigapixels': () => blankPng(50_000, 50_000, 100, GREY),
  'png at the pixel limit, 16 bits and transparent': () => blankPng(7000, 7000, 7000, DEEP),
  'png of one long row': () => blankPng(40_000_000, 1, 1, GREY),
  'png of one long column': () => blankPng(1, 40_000_000, 40_000, GREY),
  'png with a gigabyte of text': (seeds) => withChunk(seeds, { type: 'zTXt', data: Buffer.concat([Buffer.from('a\0\0'), nested(512)]) }),
  'png with international text': (seeds) =>
    withChunk(seeds, { type: 'iTXt', data: Buffer.concat([Buffer.from('a\0\x01\0\0\0'), nested(512)]) }),
  'png with a large profile': (seeds) => withChunk(seeds, { type: 'iCCP', data: Buffer.concat([Buffer.from('a\0\0'), nested(512)]) }),
  'png with many texts': (seeds) => {
    const [header = EMPTY, ...rest] = parsePng(named(seeds, 'small.png'));
    return encodePng([header, ...Array.from({ length: 300_000 }, () => ({ type: 'tEXt', data: Buffer.from('a\0b') })), ...rest]);
  },
  'png with more rows than it says': () => blankPng(16, 16, 4_000_000, DEEP),
  'jpeg of 65,500 by 65,500': (seeds) => resizeJpeg(named(seeds, 'large.jpg'), 65_500, 65_500),
  'jpeg of 60,000 by 800 with few data': (seeds) => resizeJpeg(named(seeds, 'large.jpg'), 60_000, 800),
  'progressive jpeg of many scans': (seeds) => repeatScans(resizeJpeg(named(seeds, 'progressive.jpg'), 7000, 7000), 2000),
  'jpeg with 16 MB of profiles': (seeds) =>
    withSegments(named(seeds, 'large.jpg'), 0xe2, Buffer.from('ICC_PROFILE\0\x01\xff', 'latin1'), 255),
  'jpeg with 16 MB of EXIF': (seeds) =>
    withSegments(named(seeds, 'large.jpg'), 0xe1, Buffer.from('Exif\0\0II*\0\x08\0\0\0', 'latin1'), 255),
  'gif of 65,535 by 65,535': (seeds) => {
    const bytes = Buffer.from(named(seeds, 'animated.gif'));
    bytes.writeUInt32LE(0xffffffff, 6);
    return bytes;
  },
  'gif of many frames': (seeds) => {
    const bytes = named(seeds, 'animated.gif');
    const frame = bytes.subarray(bytes.indexOf(Buffer.of(0x21, 0xf9)), -1);
    return Buffer.concat([bytes.subarray(0, -1), ...Array.from({ length: 20_000 }, () => frame), Buffer.of(0x3b)]);
  },
  'tiff whose directory follows itself': (seeds) => {
    const bytes = Buffer.from(named(seeds, 'pages.tif'));
    const directory = bytes.readUInt32LE(4);
    bytes.writeUInt32LE(directory, directory + 2 + 12 * bytes.readUInt16LE(directory));
    return bytes;
  },
  'tiff of one entry, counted four billion times': () => {
    const bytes = Buffer.alloc(64);
    bytes.write('II*\0\x08\0\0\0\x01\0', 'latin1');
    Buffer.of(0x11, 1, 4, 0, 0xff, 0xff, 0xff, 0xff).copy(bytes, 10);
    return bytes;
  },
};

const EMPTY: PngChunk = { type: 'IHDR', data: Buffer.alloc(0) };

function named(seeds: readonly SeedImage[], name: string): Buffer {
  const seed = seeds.find((other) => other.name === name);
  if (seed === undefined) throw new Error(`there is no picture ${name}`);
  return seed.bytes;
}

/** So many megabytes of zeros, deflated. */
function nested(megabytes: number): Buffer {
  return deflateSync(Buffer.alloc(megabytes * MEGABYTE), { level: 9 });
}

function withChunk(seeds: readonly SeedImage[], chunk: PngChunk): Buffer {
  const [header = EMPTY, ...rest] = parsePng(named(seeds, 'small.png'));
  return encodePng([header, chunk, ...rest]);
}

function resizeJpeg(bytes: Buffer, width: number, height: number): Buffer {
  const copy = Buffer.from(bytes);
  const frame = [0xc0, 0xc2].map((marker) => copy.indexOf(Buffer.of(0xff, marker, 0))).find((at) => at > 0) ?? 0;
  copy.writeUInt16BE(height, frame + 5);
  copy.writeUInt16BE(width, frame + 7);
  return copy;
}

/** The last scan over and over. */
function repeatScans(bytes: Buffer, times: number): Buffer {
  const scan = bytes.subarray(bytes.lastIndexOf(Buffer.of(0xff, 0xda)), -2);
  return Buffer.concat([bytes.subarray(0, -2), ...Array.from({ length: times }, () => scan), Buffer.of(0xff, 0xd9)]);
}

function withSegments(bytes: Buffer, marker: number, head: Buffer, count: number): Buffer {
  const body = Buffer.concat([head, Buffer.alloc(65_533 - head.length, 1)]);
  const segments = Array.from({ length: count }, () => Buffer.concat([Buffer.of(0xff, marker, 0xff, 0xff), body]));
  return Buffer.concat([bytes.subarray(0, 2), ...segments, bytes.subarray(2)]);
}
