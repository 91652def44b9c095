import { crc32, deflateSync } from 'node:zlib';

export interface PngChunk {
  type: string;
  data: Buffer;
}

const SIGNATURE = Buffer.from('\x89PNG\r\n\x1a\n', 'latin1');

export function parsePng(bytes: Buffer): PngChunk[] {
  const chunks: PngChunk[] = [];
  for (let at = SIGNATURE.length; at + 12 <= bytes.length;) {
    const length = bytes.readUInt32BE(at);
    chunks.push({ type: bytes.toString('latin1', at + 4, at + 8), data: bytes.subarray(at + 8, at + 8 + length) });
    at += 12 + length;
  }
  return chunks;
}

/** With true lengths and checksums, so that a decoder looks at what is inside. */
export function encodePng(chunks: readonly PngChunk[]): Buffer {
  const framed = chunks.flatMap(({ type, data }) => {
    const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
    return [u32be(data.length), body, u32be(crc32(body))];
  });
  return Buffer.concat([SIGNATURE, ...framed]);
}

/** A picture of zeros. @param rows how many of them are there */
export function blankPng(width: number, height: number, rows: number, colour: { bits: number; type: number; channels: number }): Buffer {
  const header = Buffer.concat([u32be(width), u32be(height), Buffer.of(colour.bits, colour.type, 0, 0, 0)]);
  const row = 1 + Math.ceil((width * colour.bits * colour.channels) / 8);
  return encodePng([
    { type: 'IHDR', data: header },
    { type: 'IDAT', data: deflateSync(Buffer.alloc(rows * row), { level: 9 }) },
    { type: 'IEND', data: Buffer.alloc(0) },
  ]);
}

function u32be(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value >>> 0);
  return bytes;
}
