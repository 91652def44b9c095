import type { Terminal } from './terminal.js';

/** What every command works with. */
export interface Session {
  readonly terminal: Terminal;
  /** Aborts at the first Ctrl-C, and when nobody reads the output any more. */
  readonly signal: AbortSignal;
}
