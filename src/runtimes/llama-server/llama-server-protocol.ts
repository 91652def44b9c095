export interface ServerCommand {
  /** Path of the program. */
  readonly program: string;
  readonly args: readonly string[];
  /** Added to the environment. */
  readonly env: Readonly<Record<string, string>>;
}

/** How a server ended, in words, and what it said last. */
export interface ServerEnd {
  readonly cause: string;
  readonly words: string | null;
  /** Whether it ended for want of memory. */
  readonly outOfMemory: boolean;
}

/** What the guard serves: one server, until it ends or the request is cancelled. */
export interface ServerGuardProtocol {
  run: { request: ServerCommand; event: { readonly pid: number }; result: ServerEnd };
}
