/** A character of which not all bytes have come. */
export interface PartialCharacter {
  /** Bits so far. */
  readonly value: number;
  /** Bytes to come. */
  readonly missing: number;
}

/** Between characters. */
export const BETWEEN: PartialCharacter = { value: 0, missing: 0 };

/** After one more byte; null where UTF-8 (RFC 3629) has no such sequence: overlong forms, surrogates, beyond U+10FFFF. */
export function afterByte({ value, missing }: PartialCharacter, byte: number): PartialCharacter | null {
  if (missing === 0) {
    if (byte < 0x80) return { value: byte, missing: 0 };
    if (byte >= 0xc2 && byte <= 0xdf) return { value: byte & 0x1f, missing: 1 };
    if (byte >= 0xe0 && byte <= 0xef) return { value: byte & 0x0f, missing: 2 };
    return byte >= 0xf0 && byte <= 0xf4 ? { value: byte & 0x07, missing: 3 } : null;
  }
  // The second byte of these first ones: shorter forms, surrogates and what lies beyond the last character are left out.
  const lowest = value === 0 && missing === 2 ? 0xa0 : value === 0 && missing === 3 ? 0x90 : 0x80;
  const highest = value === 0x0d && missing === 2 ? 0x9f : value === 4 && missing === 3 ? 0x8f : 0xbf;
  return byte >= lowest && byte <= highest ? { value: value * 64 + (byte & 0x3f), missing: missing - 1 } : null;
}

/** The first and the last character that it may become. */
export function possibleCharacters({ value, missing }: PartialCharacter): [low: number, high: number] {
  const scale = 64 ** missing;
  const [low, high] = [value * scale, (value + 1) * scale - 1];
  // The smallest characters of their length.
  const smallest = low === 0 && missing === 2 ? 0x800 : low === 0 && missing === 3 ? 0x10000 : low;
  return [smallest, Math.min(high, 0x10ffff)];
}
