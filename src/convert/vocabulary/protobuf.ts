/** A field of a protobuf message: its number with a whole number, four or eight raw bytes, or a run of bytes. */
export type ProtobufField =
  | { readonly number: number; readonly kind: 'varint'; readonly value: number }
  | { readonly number: number; readonly kind: 'fixed32' | 'fixed64' | 'bytes'; readonly bytes: Buffer };

/**
 * The fields of one message, in order. Nested messages are `bytes` to be read again. Varints beyond 2^53 lose their low bits.
 * Format: https://protobuf.dev/programming-guides/encoding
 * @throws RangeError where the bytes are no message.
 */
export function* protobufFields(message: Buffer): Generator<ProtobufField> {
  let at = 0;
  const varint = (): number => {
    let value = 0;
    // Ten bytes of seven bits hold 64 bits.
    for (let index = 0; index < 10; index++) {
      const byte = message[at++];
      if (byte === undefined) break;
      value += (byte & 0x7f) * 2 ** (7 * index);
      if (byte < 0x80) return value;
    }
    throw new RangeError('a number does not end');
  };
  const take = (length: number): Buffer => {
    if (length > message.length - at) throw new RangeError('a field ends beyond its message');
    at += length;
    return message.subarray(at - length, at);
  };

  while (at < message.length) {
    const tag = varint();
    const number = Math.floor(tag / 8);
    switch (tag % 8) {
      case 0:
        yield { number, kind: 'varint', value: varint() };
        break;
      case 1:
        yield { number, kind: 'fixed64', bytes: take(8) };
        break;
      case 2:
        yield { number, kind: 'bytes', bytes: take(varint()) };
        break;
      case 5:
        yield { number, kind: 'fixed32', bytes: take(4) };
        break;
      default:
        throw new RangeError(`a field has the wire type ${tag % 8}`);
    }
  }
}
