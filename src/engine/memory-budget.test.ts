import { expect, test } from 'vitest';
import { assertFitsDevice } from './memory-budget.js';

test('what a device has no room for is refused with figures, a reserve included', () => {
  const card = 'a card';
  expect(() => {
    assertFitsDevice('model.gguf', card, 900_000_000, 1_000_000_000);
  }).not.toThrow();
  expect(() => {
    assertFitsDevice('model.gguf', card, 950_000_000, 1_000_000_000);
  }).toThrow(expect.objectContaining({ code: 'OUT_OF_MEMORY', message: 'model.gguf needs 1018 MB on a card, 1000 MB are free there' }));
});
