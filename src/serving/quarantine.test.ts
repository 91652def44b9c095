import { expect, it } from 'vitest';
import { Quarantine } from './quarantine.js';

it('a picture is suspect after one crash, put away after two', () => {
  const quarantine = new Quarantine();
  quarantine.strike(['a', 'b', 'a']);
  expect([quarantine.isSuspect(['c', 'a']), quarantine.isSuspect(['c']), quarantine.size]).toEqual([true, false, 0]);
  quarantine.check(['a', 'b']);
  quarantine.strike(['a']);
  expect(quarantine.size).toBe(1);
  expect(() => {
    quarantine.check(['c', 'a']);
  }).toThrow(expect.objectContaining({ code: 'PICTURE_QUARANTINED' }));
  quarantine.check(['b']);
});

it('a suspect that does no harm is none any more', () => {
  const quarantine = new Quarantine();
  quarantine.strike(['a']);
  quarantine.clear(['a']);
  expect(quarantine.isSuspect(['a'])).toBe(false);
  quarantine.strike(['a']);
  quarantine.check(['a']);
});

it('what is remembered is bounded', () => {
  const quarantine = new Quarantine();
  quarantine.strike(['first']);
  for (let index = 0; index < 10_000; index++) quarantine.strike([`${index}`]);
  expect([quarantine.isSuspect(['first']), quarantine.isSuspect(['9999'])]).toEqual([false, true]);
});
