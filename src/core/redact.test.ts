import { expect, test } from 'vitest';
import { redact } from './redact.js';

test.each([
  ['rtsp://admin:hunter2@10.0.0.4:554/stream1', 'rtsp://***@10.0.0.4:554/stream1'],
  ['rtsp://admin:p@ss@10.0.0.4/stream1', 'rtsp://***@10.0.0.4/stream1'],
  ['https://token@host/x', 'https://***@host/x'],
  ['GET https://host/a?width=3&api_key=abc&q=1', 'GET https://host/a?width=3&api_key=***&q=1'],
  ['https://host/a?token=abc#top', 'https://host/a?token=***#top'],
  ['Authorization: Bearer hf_abcdefghijkl', 'Authorization: Bearer ***'],
])('%s loses its credentials', (text, redacted) => {
  expect(redact(text)).toBe(redacted);
});

test.each(['https://host/photos/cat@2x.png', 'mail a@b.example', 'http://host/x?monkey=1', 'basic idea'])('%s is left alone', (text) => {
  expect(redact(text)).toBe(text);
});
