import type { Random } from '../../../src/data/scenes/random.js';
import { encodePng, parsePng } from './png.js';

const NUMBERS = [0, 1, 2, 3, 7, 8, 255, 256, 32_767, 32_768, 65_500, 65_535, 65_536, 2 ** 24, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1];

interface Part {
  readonly start: number;
  readonly end: number;
}

/** Changes a picture in the way of its format. @returns undefined where there is none for it */
export function mutateImage(bytes: Buffer, random: Random): { bytes: Buffer; what: string } | undefined {
  const head = bytes.toString('latin1', 0, 12);
  if (head.startsWith('\x89PNG')) return mutatePng(bytes, random);
  if (head.startsWith('\xff\xd8')) return mutateParts(bytes, jpegSegments(bytes), random);
  if (head.startsWith('RIFF')) return mutateParts(bytes, riffChunks(bytes), random);
  if (head.startsWith('ftyp', 4)) return mutateParts(bytes, boxes(bytes, 0, bytes.length), random);
  if (head.startsWith('II*\0')) return mutateTiff(bytes, random);
  return undefined;
}

/** A number of 1, 2 or 4 bytes, in either order, near the front. */
export function changeNumber(bytes: Buffer, random: Random): { bytes: Buffer; what: string } {
  const copy = Buffer.from(bytes);
  const at = random.below(Math.min(bytes.length - 4, random.pick([40, 200, 2000])));
  const value = random.pick(NUMBERS);
  const how = random.below(5);
  if (how === 0) copy.writeUInt8(value & 0xff, at);
  else if (how === 1) copy.writeUInt16BE(value & 0xffff, at);
  else if (how === 2) copy.writeUInt16LE(value & 0xffff, at);
  else if (how === 3) copy.writeUInt32BE(value, at);
  else copy.writeUInt32LE(value, at);
  return { bytes: copy, what: `${value} at ${at} in way ${how}` };
}

function mutatePng(bytes: Buffer, random: Random): { bytes: Buffer; what: string } {
  const chunks = parsePng(bytes);
  const index = random.below(chunks.length);
  const chunk = random.pick(chunks);
  const how = random.below(7);
  if (how === 0) chunks.splice(index, 1);
  else if (how === 1) chunks.splice(index, 0, ...Array.from({ length: random.pick([1, 2, 1000]) }, () => chunk));
  else if (how === 2)
    chunk.type = random.pick(['IDAT', 'PLTE', 'tRNS', 'iCCP', 'zTXt', 'iTXt', 'eXIf', 'acTL', 'fdAT', 'sBIT', 'gAMA', 'cICP', 'XXXX']);
  else if (how === 3) chunk.data = chunk.data.subarray(0, random.below(chunk.data.length + 1));
  else if (how === 4) chunk.data = Buffer.concat([chunk.data, Buffer.alloc(random.pick([1, 1000, 100_000]), random.below(256))]);
  else if (chunk.data.length > 4) chunk.data = changeNumber(chunk.data, random).bytes;
  else chunks.push(...chunks.slice(1));
  return { bytes: encodePng(chunks), what: `chunk ${index} (${chunk.type}) changed in way ${how}` };
}

/** Leaves one part of a file out, repeats it, moves it, cuts it, or changes a number in it. */
function mutateParts(bytes: Buffer, parts: readonly Part[], random: Random): { bytes: Buffer; what: string } | undefined {
  if (parts.length === 0) return undefined;
  const { start, end } = random.pick(parts);
  const part = bytes.subarray(start, end);
  const around = (middle: readonly Buffer[]): Buffer => Buffer.concat([bytes.subarray(0, start), ...middle, bytes.subarray(end)]);
  const how = random.below(6);
  const what = `part of ${part.length} bytes at ${start} changed in way ${how}`;
  if (how === 0) return { bytes: around([]), what };
  if (how === 1) return { bytes: around(Array.from({ length: random.pick([2, 3, 200]) }, () => part)), what };
  if (how === 2) return { bytes: around([part.subarray(0, random.below(part.length + 1))]), what };
  if (how === 3) {
    const other = random.pick(parts);
    return { bytes: around([bytes.subarray(other.start, other.end), part]), what };
  }
  return part.length > 8 ? { bytes: around([changeNumber(part, random).bytes]), what } : undefined;
}

function mutateTiff(bytes: Buffer, random: Random): { bytes: Buffer; what: string } | undefined {
  const directory = bytes.readUInt32LE(4);
  if (directory + 2 > bytes.length) return undefined;
  const copy = Buffer.from(bytes);
  const entries = bytes.readUInt16LE(directory);
  const next = directory + 2 + 12 * entries;
  const entry = directory + 2 + 12 * random.below(entries);
  const how = random.below(6);
  const value = random.pick(NUMBERS);
  if (how === 0 && next + 4 <= bytes.length) copy.writeUInt32LE(random.pick([directory, 0, 8, value]), next);
  else if (how === 1)
    copy.writeUInt16LE(
      random.pick([254, 256, 257, 258, 259, 262, 273, 277, 278, 279, 284, 317, 322, 323, 330, 338, 34_665, 34_675]),
      entry,
    );
  else if (how === 2) copy.writeUInt16LE(random.below(20), entry + 2);
  else if (how === 3) copy.writeUInt32LE(value, entry + 4);
  else copy.writeUInt32LE(random.below(2) === 0 ? value : random.below(65_536), entry + 8);
  return { bytes: copy, what: `entry ${bytes.readUInt16LE(entry)} changed in way ${how} to ${value}` };
}

function jpegSegments(bytes: Buffer): Part[] {
  const parts: Part[] = [];
  for (let at = 2; at + 4 <= bytes.length && bytes[at] === 0xff;) {
    const isScan = bytes[at + 1] === 0xda;
    let end = at + 2 + bytes.readUInt16BE(at + 2);
    // A scan's data goes on to the next marker that is neither a stuffed byte nor a restart.
    while (
      isScan &&
      end + 1 < bytes.length &&
      !(bytes[end] === 0xff && ![0, 0xd0, 0xd1, 0xd2, 0xd3, 0xd4, 0xd5, 0xd6, 0xd7].includes(bytes[end + 1] ?? 0))
    )
      end++;
    parts.push({ start: at, end });
    at = end;
  }
  return parts;
}

function riffChunks(bytes: Buffer): Part[] {
  const parts: Part[] = [];
  for (let at = 12; at + 8 <= bytes.length;) {
    const end = Math.min(at + 8 + bytes.readUInt32LE(at + 4), bytes.length);
    parts.push({ start: at, end });
    at = end + (end % 2);
  }
  return parts;
}

/** ISO boxes, with those inside `meta` and `iprp`, where the picture is described. */
function boxes(bytes: Buffer, from: number, to: number): Part[] {
  const parts: Part[] = [];
  for (let at = from; at + 8 <= to;) {
    const end = Math.min(at + Math.max(bytes.readUInt32BE(at), 8), to);
    const type = bytes.toString('latin1', at + 4, at + 8);
    parts.push({ start: at, end });
    if (type === 'meta') parts.push(...boxes(bytes, at + 12, end));
    if (type === 'iprp' || type === 'ipco') parts.push(...boxes(bytes, at + 8, end));
    at = end;
  }
  return parts;
}
