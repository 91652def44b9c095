import { Value } from 'typebox/value';
import { type ConfigKey, schemaOf } from './config-keys.js';
import { nearestName } from './nearest-name.js';

/** What is wrong with a value. */
export interface ValueProblem {
  /** Where inside of the value; empty for all of it. */
  readonly path: readonly string[];
  readonly problem: string;
}

const LONGEST_SHOWN = 60;

/** A value as its key takes it: names in any case are taken as they are spelled here, numbers where a text may hold one. */
export function normalizeValue(key: ConfigKey, value: unknown): unknown {
  if (typeof value === 'number' && Number.isSafeInteger(value) && schemaOf(key).expected !== undefined) return String(value);
  const names = choices(key);
  if (typeof value !== 'string' || names === undefined) return value;
  return names.find((name) => name.toLowerCase() === value.toLowerCase()) ?? value;
}

/** Everything that is wrong with a value, the first of each place; none where it fits. */
export function checkValue(key: ConfigKey, value: unknown): ValueProblem[] {
  if (value === null || value === undefined) return [{ path: [], problem: 'has no value' }];
  const problems = new Map<string, ValueProblem>();
  for (const error of Value.Errors(schemaOf(key), value)) {
    // The keys that are too many are told one by one.
    if (error.keyword === 'additionalProperties' || problems.has(error.instancePath)) continue;
    const path = error.instancePath.split('/').slice(1);
    const { expected } = (path.length > 0 ? schemaOf(key).items : undefined) ?? schemaOf(key);
    const problem = problemOf(error, path.reduce(inside, value), expected, () => didYouMean(key, path.at(-1)));
    problems.set(error.instancePath, { path, problem });
  }
  return [...problems.values()];
}

function problemOf(
  error: ReturnType<typeof Value.Errors>[number],
  value: unknown,
  words: string | undefined,
  suggest: () => string,
): string {
  const { message, keyword, params } = error;
  // TypeBox's word for a key that is not in the schema.
  if (message === 'schema is false') return `is not known${suggest()}`;
  const pattern = keyword === 'pattern' && words !== undefined ? `must be ${words}` : message;
  const expected = keyword === 'enum' ? `must be one of ${params.allowedValues.join(', ')}` : pattern;
  return keyword === 'required' ? expected : `${expected} (is ${describe(value)})`;
}

function didYouMean(key: ConfigKey, name = ''): string {
  const near = nearestName(name, Object.keys(schemaOf(key).items?.properties ?? {}));
  return near === undefined ? '' : `; did you mean ${near}?`;
}

function choices(key: ConfigKey): readonly string[] | undefined {
  return schemaOf(key).enum;
}

function inside(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, name) ? (value as Record<string, unknown>)[name] : undefined;
}

/** A value as it is shown in messages; of lists and sections, which aliases may have made endless, only the kind. */
function describe(value: unknown): string {
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object' && value !== null) return 'a section';
  const text = typeof value === 'string' ? JSON.stringify(value) : String(value);
  return text.length > LONGEST_SHOWN ? `${text.slice(0, LONGEST_SHOWN)}…` : text;
}
