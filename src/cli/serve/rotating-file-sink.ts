import { closeSync, fstatSync, mkdirSync, openSync, renameSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { EdgeVlmError } from '../../core/errors.js';
import type { LogSink } from '../../core/logger.js';

/**
 * Appends to a file; when it is full it is called `*.1`, in place of the one before. So logs take twice `maxBytes` at most: memory cards
 * wear and fill. A disk that is full later on costs log lines, not the server.
 * @throws FILE_UNWRITABLE when the file cannot be opened
 */
export function rotatingFileSink(path: string, maxBytes: number): LogSink {
  let descriptor: number;
  let bytes: number;
  const open = (): void => {
    descriptor = openSync(path, 'a');
    bytes = fstatSync(descriptor).size;
  };
  try {
    mkdirSync(dirname(path), { recursive: true });
    open();
  } catch (cause) {
    throw new EdgeVlmError('FILE_UNWRITABLE', `cannot open the log file ${path}`, { cause });
  }
  return (line) => {
    try {
      const text = Buffer.from(`${line}\n`);
      if (bytes > 0 && bytes + text.length > maxBytes) {
        closeSync(descriptor);
        renameSync(path, `${path}.1`);
        open();
      }
      bytes += writeSync(descriptor, text);
    } catch {
      // Nowhere to say it.
    }
  };
}
