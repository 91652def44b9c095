import { mkdirSync, openSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { type Clock, systemClock } from './clock.js';
import { EdgeVlmError } from './errors.js';
import { redact } from './redact.js';

const LEVELS = ['debug', 'info', 'warn', 'error'] as const;
export type LogLevel = (typeof LEVELS)[number];

/** Receives one line, without its line break. */
export type LogSink = (line: string) => void;

export type LogFields = Readonly<Record<string, unknown>>;

export interface LoggerOptions {
  /** Lines below this level are dropped. Default `info`. */
  readonly level?: LogLevel;
  /** Default: standard error. */
  readonly sink?: LogSink;
  readonly clock?: Clock;
}

/** Fields that hold what a user asked or a model said: logged by their size only. */
const PRIVATE_FIELDS = new Set(['answer', 'caption', 'content', 'image', 'images', 'messages', 'pixels', 'prompt', 'question', 'text']);
const LONGEST_FIELD = 500;

/**
 * Writes lines of `time LEVEL message key=value …`, so `grep ERROR` finds errors. Credentials in URLs are blotted out;
 * binary data and fields that carry pictures, questions or answers are replaced by their size.
 */
export class Logger {
  private readonly threshold: number;
  private readonly sink: LogSink;
  private readonly clock: Clock;

  constructor(options: LoggerOptions = {}) {
    this.threshold = LEVELS.indexOf(options.level ?? 'info');
    this.sink = options.sink ?? stderrSink;
    this.clock = options.clock ?? systemClock;
  }

  debug(message: string, fields?: LogFields): void {
    this.write('debug', message, fields);
  }
  info(message: string, fields?: LogFields): void {
    this.write('info', message, fields);
  }
  warn(message: string, fields?: LogFields): void {
    this.write('warn', message, fields);
  }
  error(message: string, fields?: LogFields): void {
    this.write('error', message, fields);
  }

  private write(level: LogLevel, message: string, fields: LogFields = {}): void {
    if (LEVELS.indexOf(level) < this.threshold) return;
    const parts = [this.clock.wallTime(), level.toUpperCase(), oneLine(redact(message))];
    for (const [name, value] of Object.entries(fields)) {
      if (value !== undefined) parts.push(`${name}=${formatField(name, value)}`);
    }
    this.sink(parts.join(' '));
  }
}

/** Reads a level's name in any case; `warning` is taken for `warn`. Throws USAGE. */
export function parseLogLevel(name: string): LogLevel {
  const lower = name.toLowerCase();
  const level = LEVELS.find((candidate) => candidate === (lower === 'warning' ? 'warn' : lower));
  if (level === undefined) throw new EdgeVlmError('USAGE', `unknown log level '${name}': use ${LEVELS.join(', ')}`);
  return level;
}

function stderrSink(line: string): void {
  process.stderr.write(`${line}\n`);
}

/** Appends to a file, making its folder. Writes are synchronous, so the last line before a crash is there. Throws FILE_UNWRITABLE. */
export function fileSink(path: string): LogSink {
  let descriptor: number;
  try {
    mkdirSync(dirname(path), { recursive: true });
    descriptor = openSync(path, 'a');
  } catch (cause) {
    throw new EdgeVlmError('FILE_UNWRITABLE', `cannot open the log file ${path}`, { cause });
  }
  return (line) => {
    writeSync(descriptor, `${line}\n`);
  };
}

function formatField(name: string, value: unknown): string {
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return `<${value.byteLength} bytes>`;
  if (PRIVATE_FIELDS.has(name)) return typeof value === 'string' || Array.isArray(value) ? `<length ${value.length}>` : '<hidden>';
  if (value instanceof EdgeVlmError) return quoteIfNeeded(redact(`${value.code}: ${value.message}`));
  if (value instanceof Error) return quoteIfNeeded(redact(value.message));
  if (typeof value === 'string') return quoteIfNeeded(redact(value));
  // Nested private fields and binary data are caught by the replacer, which sees every key.
  const json = JSON.stringify(value, (key, inner: unknown) => {
    if (typeof inner === 'bigint') return inner.toString();
    if (typeof inner === 'string') return PRIVATE_FIELDS.has(key) ? `<length ${inner.length}>` : redact(inner);
    if (ArrayBuffer.isView(inner)) return `<${inner.byteLength} bytes>`;
    return PRIVATE_FIELDS.has(key) ? '<hidden>' : inner;
  }) as string | undefined;
  return clip(json ?? String(value));
}

/** Logs are read line by line; a message from outside must not be able to forge one. */
function oneLine(text: string): string {
  // eslint-disable-next-line no-control-regex -- control characters are what is being removed
  return clip(text).replace(/[\u0000-\u001f\u007f\u2028\u2029]+/g, ' ');
}

function quoteIfNeeded(text: string): string {
  return /^[\w./:@+*,-]+$/.test(text) ? clip(text) : JSON.stringify(oneLine(text));
}

function clip(text: string): string {
  return text.length > LONGEST_FIELD ? `${text.slice(0, LONGEST_FIELD)}…` : text;
}
