import { EdgeVlmError } from '../core/errors.js';
import { parseYaml, type ParsedYaml, type TextPosition } from '../core/parse-yaml.js';
import { checkValue, normalizeValue } from './check-value.js';
import { CONFIG_KEY_NAMES, type ConfigKey } from './config-keys.js';
import { nearestName } from './nearest-name.js';

/** More than any config written by hand, and little enough for the parser. */
export const CONFIG_MAX_BYTES = 64 * 1024;

export interface ConfigProblem extends TextPosition {
  readonly key: string;
  readonly message: string;
}

export interface ConfigValue extends TextPosition {
  readonly value: unknown;
}

export interface ParsedConfig {
  /** What the text gives, checked; what has a problem is left out. */
  readonly values: ReadonlyMap<ConfigKey, ConfigValue>;
  /** In the order of the text. */
  readonly problems: readonly ConfigProblem[];
}

const SECTIONS: ReadonlySet<string> = new Set(
  CONFIG_KEY_NAMES.flatMap((key) => {
    const parts = key.split('.');
    return parts.slice(1).map((_, depth) => parts.slice(0, depth + 1).join('.'));
  }),
);
/** Says the same as a longer key; that one would be read first. */
const TWICE: readonly [ConfigKey, ConfigKey] = ['max_cache_size_mb', 'optimizations.kv_cache_compression.max_cache_size_mb'];
const LONGEST_KEY = 80;

/**
 * Reads a config. The text may come from anyone: the parser bounds aliases and depth, this its size.
 * @param source named in errors @throws EdgeVlmError CONFIG_INVALID where it is no YAML; what its keys hold is told as problems
 */
export function parseConfig(text: string, source: string): ParsedConfig {
  const fail = (position: TextPosition | undefined, problem: string, cause?: unknown): never => {
    const place = position === undefined ? '' : `:${position.line}:${position.column}`;
    throw new EdgeVlmError('CONFIG_INVALID', `${source}${place}: ${problem}`, { cause });
  };
  if (Buffer.byteLength(text) > CONFIG_MAX_BYTES) fail(undefined, `the config is larger than ${CONFIG_MAX_BYTES} bytes`);
  const yaml = parseYaml(text, 'the config', fail);
  const values = new Map<ConfigKey, ConfigValue>();
  const problems: ConfigProblem[] = [];
  readSection(yaml, yaml.value, [], values, problems);
  const [first, second] = TWICE.map((key) => values.get(key));
  if (first !== undefined && second !== undefined && first.value !== second.value) {
    problems.push({ ...second, ...{ key: TWICE[1], message: `says something else than ${TWICE[0]} in line ${first.line}` } });
  }
  problems.sort((a, b) => a.line - b.line || a.column - b.column);
  return { values, problems: problems.map(({ line, column, key, message }) => ({ line, column, key, message })) };
}

function readSection(
  yaml: ParsedYaml,
  section: unknown,
  path: readonly string[],
  values: Map<ConfigKey, ConfigValue>,
  problems: ConfigProblem[],
): void {
  // Every key of it may be commented out.
  if (section === null || section === undefined) return;
  const tell = (at: TextPosition | undefined, key: readonly string[], message: string): void => {
    const name = key.map((part) => (part.length > LONGEST_KEY ? `${part.slice(0, LONGEST_KEY)}…` : part)).join('.');
    problems.push({ line: at?.line ?? 1, column: at?.column ?? 1, key: name, message });
  };
  if (typeof section !== 'object' || Array.isArray(section) || section instanceof Map || section instanceof Set) {
    tell(yaml.positionOf(path), path, `must hold keys and their values${path.length === 0 ? '' : ', one in each line below it'}`);
    return;
  }
  for (const [name, value] of Object.entries(section)) {
    const inner = [...path, name];
    const joined = inner.join('.');
    // A dot inside of a name is no path.
    const key = name.includes('.') ? undefined : CONFIG_KEY_NAMES.find((known) => known === joined);
    if (key !== undefined) {
      const normal = normalizeValue(key, value);
      const found = checkValue(key, normal);
      for (const { path: rest, problem } of found) tell(yaml.positionOf([...inner, ...rest]), [...inner, ...rest], problem);
      if (found.length === 0) values.set(key, { value: normal, ...(yaml.positionOf(inner) ?? { line: 1, column: 1 }) });
    } else if (!name.includes('.') && SECTIONS.has(joined)) {
      readSection(yaml, value, inner, values, problems);
    } else {
      const known = namesIn(path);
      const near = nearestName(name, known);
      const elsewhere = CONFIG_KEY_NAMES.find((other) => other.endsWith(`.${name}`));
      const suggestion = near ?? elsewhere;
      tell(
        yaml.positionOfKey(inner),
        inner,
        `is not known${suggestion === undefined ? `; here may be ${known.join(', ')}` : `; did you mean ${suggestion}?`}`,
      );
    }
  }
}

/** What may stand in a section. */
function namesIn(path: readonly string[]): string[] {
  const start = path.map((part) => `${part}.`).join('');
  const names = CONFIG_KEY_NAMES.filter((key) => key.startsWith(start)).map((key) => key.slice(start.length).split('.')[0] ?? '');
  return [...new Set(names)];
}
