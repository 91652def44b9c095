/** How a process ended. */
export type ExitCause = { readonly kind: 'code'; readonly code: number } | { readonly kind: 'signal'; readonly signal: NodeJS.Signals };

/** What the signals of a crash mean to somebody who does not know them by heart. */
const SIGNAL_MEANINGS: Partial<Record<NodeJS.Signals, string>> = {
  SIGSEGV: 'invalid memory access',
  SIGBUS: 'invalid memory access, or a mapped file that shrank',
  SIGILL: 'an instruction this processor does not have',
  SIGFPE: 'arithmetic fault',
  SIGABRT: 'native code gave up',
  SIGKILL: 'probably out of memory',
};

/** From the arguments of a child process's `exit` event, of which exactly one is set. */
export function exitCause(code: number | null, signal: NodeJS.Signals | null): ExitCause {
  return signal === null ? { kind: 'code', code: code ?? 0 } : { kind: 'signal', signal };
}

/** In words: `was ended by SIGSEGV (invalid memory access)`. */
export function describeExit(cause: ExitCause): string {
  if (cause.kind === 'code') return `ended with exit code ${cause.code}`;
  const meaning = SIGNAL_MEANINGS[cause.signal];
  return `was ended by ${cause.signal}${meaning === undefined ? '' : ` (${meaning})`}`;
}

/** A source position (`ggml.c:123: …`), what C++ prints before it terminates, or an uncaught JavaScript error. */
const FATAL_LINE =
  /^\S+\.\w+:\d+: |^terminate called|^\s*what\(\)|\b(?:fatal|panic)\b|\b\w*(?:Error|Exception)\b.*:|: symbol lookup error/i;
/** Stack frames and backtraces (of Node, gdb, glibc and ggml) surround the message and are never it. */
const NOISE_LINE =
  /^\s*at |^\s*\^+\s*$|^Node\.js v|^\(node:\d+\)|^-{5} |^\s*\d+: |^\[New LWP|^#\d+ |\[0x[0-9a-f]+\]|^WARNING: |^See: |^file:\/\/|^node:internal/;
const LONGEST_MESSAGE = 500;

/**
 * The words a dying process left on stderr: its last fatal lines, else its last line. Paths of source files are cut to the
 * file's name, since they are those of the machine the library was built on. Null when it said nothing.
 */
export function nativeMessage(stderr: string): string | null {
  const lines = stderr.split(/\r?\n/).filter((line) => line.trim() !== '' && !NOISE_LINE.test(line));
  const fatal = lines.filter((line) => FATAL_LINE.test(line)).slice(-2);
  const message = (fatal.length > 0 ? fatal : lines.slice(-1)).map((line) => shortenPaths(line.trim())).join(' ');
  return message === '' ? null : message.slice(0, LONGEST_MESSAGE);
}

/** `/build/ggml/src/ggml.c:123:` becomes `ggml.c:123:`; so do Windows paths. */
function shortenPaths(line: string): string {
  return line.replace(/(?:[A-Za-z]:)?[\\/](?:[^\\/:\n]+[\\/])+([^\\/:\s]+:\d+)/g, '$1');
}
