import { EdgeVlmError } from '../core/errors.js';
import { Logger, type LogLevel } from '../core/logger.js';
import { NO_PROGRESS, type Progress } from '../core/progress.js';
import { redact } from '../core/redact.js';
import { failureLines } from './failure-lines.js';
import type { OutputOptions } from './options/output-options.js';
import { ProgressLine } from './progress-line.js';
import { printable } from './printable.js';

/** Results go to standard output and nothing else does; notes, progress and errors go to standard error. */
export class Terminal {
  /** What the process ends with when no error ends it: that of the first item that failed. */
  exitCode = 0;
  /** Whether the reader of standard output went away. */
  outputClosed = false;
  /** Why standard output could not be written, other than by its reader leaving. */
  outputFailure: EdgeVlmError | undefined;
  #json: boolean;
  #quiet = false;
  #logLevel: LogLevel = process.env['DEBUG'] ? 'debug' : 'warn';
  /** Whether the cursor of a terminal stands behind text. */
  #midLine = false;
  readonly #progressLine = process.stderr.isTTY ? new ProgressLine(process.stderr) : undefined;

  constructor(options: { readonly json: boolean; readonly onOutputClosed: () => void }) {
    this.#json = options.json;
    process.stdout.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EPIPE') this.outputClosed = true;
      else this.outputFailure = new EdgeVlmError('FILE_UNWRITABLE', `standard output: ${error.message}`, { cause: error });
      options.onOutputClosed();
    });
    // With nobody to tell there is nothing else to do.
    process.stderr.on('error', () => undefined);
  }

  configure({ json, quiet, logLevel }: OutputOptions): void {
    this.#json = json ?? false;
    this.#quiet = quiet ?? false;
    this.#logLevel = logLevel ?? this.#logLevel;
  }

  get json(): boolean {
    return this.#json;
  }

  /** Whether somebody watches the output, so that text is shown as it comes. */
  get isLive(): boolean {
    return process.stdout.isTTY && !this.#json;
  }

  get logger(): Logger {
    return new Logger({
      level: this.#logLevel,
      sink: (line) => {
        this.#stderr(line);
      },
    });
  }

  /** Shows long work on a terminal; nothing elsewhere. */
  get progress(): Progress {
    return this.#quiet ? NO_PROGRESS : (this.#progressLine?.show ?? NO_PROGRESS);
  }

  /** Part of a result, as it comes. */
  write(text: string): void {
    if (text === '') return;
    this.#progressLine?.clear();
    const shown = process.stdout.isTTY ? printable(text) : text;
    if (process.stdout.isTTY) this.#midLine = !shown.endsWith('\n');
    if (!this.outputClosed && this.outputFailure === undefined) process.stdout.write(shown);
  }

  /** A result: as one line of JSON where that was asked for, else as text. */
  result(value: object, text: string): void {
    this.write(`${this.#json ? JSON.stringify(value) : text}\n`);
  }

  note(text: string): void {
    if (!this.#quiet) this.#stderr(`note: ${text}`);
  }

  warning(text: string): void {
    if (!this.#quiet) this.#stderr(`warning: ${text}`);
  }

  /** A table that was asked for. */
  table(lines: readonly string[]): void {
    for (const line of lines) this.#stderr(line);
  }

  /** Ends the command: one line that says what is wrong and one that says what to do. */
  error(error: EdgeVlmError): void {
    if (this.#json) this.write(`${JSON.stringify({ error })}\n`);
    for (const line of failureLines(error, this.#logLevel === 'debug')) this.#stderr(line);
  }

  /** One of several items failed; the others go on. */
  itemError(item: object, error: EdgeVlmError): void {
    if (this.exitCode === 0) this.exitCode = error.exitCode;
    if (this.#json) this.write(`${JSON.stringify({ ...item, error })}\n`);
    for (const line of failureLines(error, this.#logLevel === 'debug')) this.#stderr(line);
  }

  /** Resolves when standard output has taken everything or has failed. */
  flush(): Promise<void> {
    this.#progressLine?.clear();
    return new Promise((resolve) => {
      process.stdout.write('', () => {
        resolve();
      });
    });
  }

  #stderr(line: string): void {
    this.#progressLine?.clear();
    if (this.#midLine) process.stdout.write('\n');
    this.#midLine = false;
    process.stderr.write(`${printable(redact(line)).replace(/\s*\n\s*/g, ' ')}\n`);
  }
}
