import { expect, test } from 'vitest';
import { ProgressTask, type ProgressEvent } from './progress.js';

test('a task reports start, the running count, and one end', () => {
  const events: ProgressEvent[] = [];
  const task = new ProgressTask((event) => events.push(event), { label: 'hashing', unit: 'bytes', total: 30 });
  task.advance(10);
  task.advance(20);
  task.end();
  task.end();
  expect(events).toEqual([
    { type: 'start', label: 'hashing', unit: 'bytes', total: 30 },
    { type: 'advance', label: 'hashing', unit: 'bytes', total: 30, done: 10 },
    { type: 'advance', label: 'hashing', unit: 'bytes', total: 30, done: 30 },
    { type: 'end', label: 'hashing', unit: 'bytes', done: 30 },
  ]);
});
