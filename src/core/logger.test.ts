import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { EdgeVlmError } from './errors.js';
import { fileSink, Logger, type LogLevel, parseLogLevel } from './logger.js';

const clock = { now_ms: () => 0, wallTime: () => '2030-01-02T03:04:05.678Z' };

function capture(level: LogLevel = 'debug'): { logger: Logger; lines: string[] } {
  const lines: string[] = [];
  return { logger: new Logger({ level, sink: (line) => lines.push(line), clock }), lines };
}

test('a line is time, level in capitals, message, fields', () => {
  const { logger, lines } = capture();
  logger.error('model failed', { code: 'GGUF_INVALID', bytes: 12, name: 'my model', absent: undefined, ok: false });
  expect(lines).toEqual(['2030-01-02T03:04:05.678Z ERROR model failed code=GGUF_INVALID bytes=12 name="my model" ok=false']);
});

test('lines below the level are dropped', () => {
  const { logger, lines } = capture('warn');
  logger.debug('a');
  logger.info('b');
  logger.warn('c');
  logger.error('d');
  expect(lines.map((line) => line.split(' ')[1])).toEqual(['WARN', 'ERROR']);
});

test('level names are taken in any case', () => {
  expect(['DEBUG', 'Info', 'warn', 'WARNING', 'eRRor'].map(parseLogLevel)).toEqual(['debug', 'info', 'warn', 'warn', 'error']);
  expect(() => parseLogLevel('loud')).toThrow(EdgeVlmError);
});

test('pictures, questions and answers never reach the log', () => {
  const { logger, lines } = capture();
  logger.info('done', {
    answer: 'a red circle',
    image: { rgb: new Uint8Array(12) },
    pixels: new Uint8Array(12),
    data: new Float32Array(3),
    request: { prompt: 'what is secret', tile: new Uint8Array(9), messages: [{ content: 'hidden' }] },
  });
  expect(lines[0]).toContain('answer=<length 12> image=<hidden> pixels=<12 bytes> data=<12 bytes>');
  expect(lines[0]).not.toMatch(/red circle|secret|content/);
});

test('credentials in URLs are blotted out, in messages and in fields', () => {
  const { logger, lines } = capture();
  logger.warn('camera rtsp://admin:hunter2@cam/1 is gone', {
    url: 'https://me:pw@host/?token=abc',
    error: new Error('401 from https://a:b@c'),
    nested: { url: 'rtsp://x:y@z' },
  });
  expect(lines[0]).not.toMatch(/hunter2|:pw|abc|a:b|x:y/);
  expect(lines[0]).toContain('rtsp://***@cam/1');
});

test('a message from outside cannot forge a line, and long ones are cut', () => {
  const { logger, lines } = capture();
  logger.info('name\n2030-01-01 ERROR forged', { name: 'x\r\nERROR', long: 'y'.repeat(10_000) });
  expect(lines).toHaveLength(1);
  expect(lines[0]).not.toMatch(/[\r\n]/);
  expect(lines[0]?.length).toBeLessThan(1000);
});

test('the file sink makes its folder and appends; a path that cannot be written is a coded error', () => {
  const folder = mkdtempSync(join(tmpdir(), 'edgevlm-log-'));
  try {
    const path = join(folder, 'logs', 'edgevlm.log');
    new Logger({ sink: fileSink(path), clock }).info('first');
    new Logger({ sink: fileSink(path), clock }).error('second');
    expect(readFileSync(path, 'utf8')).toBe('2030-01-02T03:04:05.678Z INFO first\n2030-01-02T03:04:05.678Z ERROR second\n');
    writeFileSync(join(folder, 'file'), '');
    expect(() => fileSink(join(folder, 'file', 'x.log'))).toThrow(expect.objectContaining({ code: 'FILE_UNWRITABLE' }));
  } finally {
    rmSync(folder, { recursive: true });
  }
});
