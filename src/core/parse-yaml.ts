import { isMap, isNode, isScalar, LineCounter, parseDocument } from 'yaml';

/** Both count from 1. */
export interface TextPosition {
  readonly line: number;
  readonly column: number;
}

export interface ParsedYaml {
  readonly value: unknown;
  /** Where the value at `path` begins, or the nearest one around it that was written there. */
  readonly positionOf: (path: readonly string[]) => TextPosition | undefined;
  /** Where the last key of `path` stands; elsewhere as `positionOf`. */
  readonly positionOfKey: (path: readonly string[]) => TextPosition | undefined;
}

/** Tells what is wrong with a text, and where. */
export type YamlFailure = (position: TextPosition | undefined, problem: string, cause?: unknown) => never;

/** Nobody writes more by hand, and a bomb needs more. */
const MAX_ALIASES = 100;

/**
 * Reads YAML that may come from anyone: one document, no key twice, aliases and depth bounded. The caller bounds its bytes.
 * @param what it is, for messages: `the plan`
 */
export function parseYaml(text: string, what: string, fail: YamlFailure): ParsedYaml {
  const lines = new LineCounter();
  const positionAt = (offset: number): TextPosition => {
    const { line, col } = lines.linePos(offset);
    return { line, column: col };
  };
  const document = attempt(
    () => parseDocument(text, { lineCounter: lines, prettyErrors: false, logLevel: 'error' }),
    (cause) => fail(undefined, `${what} is nested too deeply`, cause),
  );
  const [error] = document.errors;
  if (error !== undefined) fail(positionAt(error.pos[0]), error.message, error);
  // One alias may stand for a hundred nodes, those for a hundred more: the parser counts what they would become.
  const value: unknown = attempt(
    (): unknown => document.toJS({ maxAliasCount: MAX_ALIASES }),
    (cause) => fail(undefined, cause instanceof ReferenceError ? cause.message : `${what} is nested too deeply`, cause),
  );
  const nodeAt = (path: readonly string[]): unknown => (path.length === 0 ? document.contents : document.getIn(path, true));
  const positionOf = (path: readonly string[]): TextPosition | undefined => {
    for (let depth = path.length; depth >= 0; depth--) {
      const node = nodeAt(path.slice(0, depth));
      if (isNode(node) && node.range) return positionAt(node.range[0]);
    }
    return undefined;
  };
  const positionOfKey = (path: readonly string[]): TextPosition | undefined => {
    const around = nodeAt(path.slice(0, -1));
    if (!isMap(around)) return positionOf(path);
    const key = around.items.map((pair) => pair.key).find((node) => isScalar(node) && String(node.value) === path.at(-1));
    return isNode(key) && key.range ? positionAt(key.range[0]) : positionOf(path);
  };
  return { value, positionOf, positionOfKey };
}

function attempt<T>(work: () => T, otherwise: (cause: unknown) => never): T {
  try {
    return work();
  } catch (cause) {
    return otherwise(cause);
  }
}
