import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseChildMessage, parseParentMessage } from './protocol.js';

test.each([
  { kind: 'ready' },
  { kind: 'event', id: 1, event: { token: 5 } },
  { kind: 'result', id: 1, result: undefined },
  { kind: 'error', id: 1, error: { code: 'X', message: 'm', hint: 'h' } },
])('%j is a message from a child', (message) => {
  expect(parseChildMessage(message)).toEqual(message);
});

test.each([{ kind: 'request', id: 1, type: 'add', payload: [1, 2] }, { kind: 'cancel', id: 1 }, { kind: 'stop' }])(
  '%j is a message from the parent',
  (message) => {
    expect(parseParentMessage(message)).toEqual(message);
  },
);

test.each([
  null,
  'ready',
  7,
  {},
  { kind: 'event' },
  { kind: 'event', id: '1' },
  { kind: 'event', id: 1.5 },
  { kind: 'error', id: 1 },
  { kind: 'error', id: 1, error: { code: 1, message: 'm', hint: 'h' } },
  { kind: 'request', id: 1 },
])('%j is none', (message) => {
  expect(parseChildMessage(message)).toBeUndefined();
  expect(parseParentMessage(message)).toBeUndefined();
});

test('nothing that arrives makes the parsers throw', () => {
  fc.assert(
    fc.property(fc.anything(), (value) => {
      parseChildMessage(value);
      parseParentMessage(value);
    }),
  );
});
