import type { FileHandle } from 'node:fs/promises';
import { EdgeVlmError } from '../../core/errors.js';
import { readExactly } from '../open-file.js';

/** A file inside a zip archive, stored as it is. */
export interface ZipEntry {
  readonly name: string;
  readonly bytes: number;
  /** Where its local header starts; the data follow that. */
  readonly headerOffset: number;
}

/** A zip archive's end record, with the longest comment it may have. */
const END_BYTES = 22;
const MAX_COMMENT_BYTES = 0xffff;
const LOCATOR_BYTES = 20;
const END64_BYTES = 56;
const ENTRY_BYTES = 46;
const LOCAL_BYTES = 30;
/** 30,000 tensors with long names take about 4 MB. */
const MAX_DIRECTORY_BYTES = 32 * 2 ** 20;
const SIGNATURES = { end: 0x06054b50, locator: 0x07064b50, end64: 0x06064b50, entry: 0x02014b50, local: 0x04034b50 } as const;
/** A 32-bit field that says "see the 64-bit one". */
const SEE_64 = 0xffffffff;
const ZIP64_FIELD = 1;

/**
 * Reads the list of files of a zip archive whose files are stored without compression, as PyTorch's are.
 * Format: https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT
 * @throws EdgeVlmError CHECKPOINT_INVALID, FILE_UNREADABLE; CHECKPOINT_UNSUPPORTED for compressed or encrypted files
 */
export async function readZipDirectory(handle: FileHandle, path: string, fileBytes: number): Promise<Map<string, ZipEntry>> {
  const { offset, bytes, count } = await findDirectory(handle, path, fileBytes);
  if (bytes > MAX_DIRECTORY_BYTES || offset + bytes > fileBytes) throw invalid(path, 'has a directory that does not lie in the file');
  const directory = await readExactly(handle, path, offset, bytes);
  const entries = new Map<string, ZipEntry>();
  let at = 0;
  while (at + ENTRY_BYTES <= directory.length && directory.readUInt32LE(at) === SIGNATURES.entry) {
    const [nameBytes, extraBytes, commentBytes] = [28, 30, 32].map((field) => directory.readUInt16LE(at + field));
    const end = at + ENTRY_BYTES + (nameBytes ?? 0) + (extraBytes ?? 0) + (commentBytes ?? 0);
    if (end > directory.length) throw invalid(path, 'has a directory that is cut short');
    const entry = parseEntry(path, directory.subarray(at, end));
    if (entries.has(entry.name)) throw invalid(path, `holds ${entry.name} twice`);
    if (entry.headerOffset + LOCAL_BYTES + entry.bytes > fileBytes) throw invalid(path, `ends before ${entry.name} does`);
    entries.set(entry.name, entry);
    at = end;
  }
  if (entries.size !== count) throw invalid(path, `lists ${entries.size} files and says that it has ${count}`);
  return entries;
}

/** Where an entry's data start. */
export async function zipDataOffset(handle: FileHandle, path: string, entry: ZipEntry, fileBytes: number): Promise<number> {
  const local = await readExactly(handle, path, entry.headerOffset, LOCAL_BYTES);
  if (local.readUInt32LE() !== SIGNATURES.local) throw invalid(path, `has no file where ${entry.name} should be`);
  const offset = entry.headerOffset + LOCAL_BYTES + local.readUInt16LE(26) + local.readUInt16LE(28);
  if (offset + entry.bytes > fileBytes) throw invalid(path, `ends before ${entry.name} does`);
  return offset;
}

async function findDirectory(
  handle: FileHandle,
  path: string,
  fileBytes: number,
): Promise<{ readonly offset: number; readonly bytes: number; readonly count: number }> {
  const tailBytes = Math.min(fileBytes, END_BYTES + MAX_COMMENT_BYTES + LOCATOR_BYTES);
  const tail = await readExactly(handle, path, fileBytes - tailBytes, tailBytes);
  let at = tail.length - END_BYTES;
  while (at >= 0 && (tail.readUInt32LE(at) !== SIGNATURES.end || at + END_BYTES + tail.readUInt16LE(at + 20) !== tail.length)) at--;
  if (at < 0) throw invalid(path, 'has no zip directory: it is cut short or no zip archive');
  const locator = at - LOCATOR_BYTES;
  if (locator < 0 || tail.readUInt32LE(locator) !== SIGNATURES.locator) {
    return { offset: tail.readUInt32LE(at + 16), bytes: tail.readUInt32LE(at + 12), count: tail.readUInt16LE(at + 10) };
  }
  const end64At = safe(path, tail.readBigUInt64LE(locator + 8));
  if (end64At + END64_BYTES > fileBytes) throw invalid(path, 'has a directory that does not lie in the file');
  const end64 = await readExactly(handle, path, end64At, END64_BYTES);
  if (end64.readUInt32LE() !== SIGNATURES.end64) throw invalid(path, 'has no 64-bit directory where it says');
  const [offset = 0, bytes = 0, count = 0] = [48, 40, 32].map((field) => safe(path, end64.readBigUInt64LE(field)));
  return { offset, bytes, count };
}

function parseEntry(path: string, entry: Buffer): ZipEntry {
  const nameEnd = ENTRY_BYTES + entry.readUInt16LE(28);
  const name = entry.subarray(ENTRY_BYTES, nameEnd).toString('utf8');
  const [flags, method] = [entry.readUInt16LE(8), entry.readUInt16LE(10)];
  const extra = entry.subarray(nameEnd, nameEnd + entry.readUInt16LE(30));
  const wide = zip64Fields(path, extra);
  const field = (at: number): number => {
    const value = entry.readUInt32LE(at);
    return value === SEE_64 ? (wide.shift() ?? value) : value;
  };
  // The order in which the 64-bit fields stand: size, stored size, offset.
  const bytes = field(24);
  const storedBytes = field(20);
  const headerOffset = field(42);
  if (method !== 0 || (flags & 1) !== 0 || storedBytes !== bytes) {
    throw new EdgeVlmError('CHECKPOINT_UNSUPPORTED', `${path}: ${name} is compressed or encrypted, which PyTorch does not do`);
  }
  return { name, bytes, headerOffset };
}

function zip64Fields(path: string, extra: Buffer): number[] {
  for (let at = 0; at + 4 <= extra.length;) {
    const [id, length] = [extra.readUInt16LE(at), extra.readUInt16LE(at + 2)];
    const data = extra.subarray(at + 4, at + 4 + length);
    if (id === ZIP64_FIELD) {
      return Array.from({ length: Math.floor(data.length / 8) }, (_, i) => safe(path, data.readBigUInt64LE(8 * i)));
    }
    at += 4 + length;
  }
  return [];
}

function safe(path: string, value: bigint): number {
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw invalid(path, `has an offset of ${value.toString()}`);
  return Number(value);
}

function invalid(path: string, what: string): EdgeVlmError {
  return new EdgeVlmError('CHECKPOINT_INVALID', `${path} ${what}`);
}
