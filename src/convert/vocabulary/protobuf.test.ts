import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { protobufFields } from './protobuf.js';

describe('a protobuf message', () => {
  it('gives its fields in order', () => {
    // Examples of the encoding guide: field 1 = 150, field 2 = "testing"; then field 3 as fixed32, field 4 as fixed64.
    const message = Buffer.from('089601120774657374696e671d0000803f210100000000000000', 'hex');
    expect([...protobufFields(message)]).toEqual([
      { number: 1, kind: 'varint', value: 150 },
      { number: 2, kind: 'bytes', bytes: Buffer.from('testing') },
      { number: 3, kind: 'fixed32', bytes: Buffer.from('0000803f', 'hex') },
      { number: 4, kind: 'fixed64', bytes: Buffer.from('0100000000000000', 'hex') },
    ]);
  });

  it('that ends early, or has groups, is refused', () => {
    for (const hex of ['08', '0896', '1207746573', '1d0000', '08ffffffffffffffffffff01', '0b', '12ffffffff0f']) {
      expect(() => [...protobufFields(Buffer.from(hex, 'hex'))]).toThrow(RangeError);
    }
  });

  it('of any bytes ends, within them or with a RangeError', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        try {
          for (const field of protobufFields(Buffer.from(bytes))) expect(field.number).toBeGreaterThanOrEqual(0);
        } catch (error) {
          expect(error).toBeInstanceOf(RangeError);
        }
      }),
    );
  });
});
