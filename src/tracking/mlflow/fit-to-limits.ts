import { createHash } from 'node:crypto';
import { posix } from 'node:path';
import type { KeyValue, Metric, MlflowRun } from './mlflow-run.js';

/** Bytes; "all storage backends are guaranteed to support" them, says MLflow's REST reference. */
export const LONGEST_KEY = 250;
export const LONGEST_VALUE = 5000;

/** What is logged about a run before MLflow's limits. */
export interface LoggedData {
  readonly params: readonly KeyValue[];
  readonly tags: readonly KeyValue[];
  readonly metrics: readonly Metric[];
}

/** Says what had to be changed, so that nobody takes a part for the whole. */
export const CHANGES_TAG = 'edgevlm.changed_to_fit';

/**
 * Makes keys and values such as every MLflow server takes. A key that has to change gets the start of its SHA-256, so that two never
 * become one; a value that is cut says so at its end. Both are listed in `changes` and in a tag.
 */
export function fitToLimits({ params, tags, metrics }: LoggedData): Pick<MlflowRun, 'params' | 'tags' | 'metrics' | 'changes'> {
  const changes = new Set<string>();
  const fitKey = (key: string): string => {
    const fitted = fittedKey(key);
    if (fitted !== key) changes.add(`${key.slice(0, 100)} is named ${fitted.slice(0, 100)}`);
    return fitted;
  };
  const fitPair = ({ key, value }: KeyValue): KeyValue => {
    const fitted = fittedValue(value);
    if (fitted !== value) changes.add(`${key.slice(0, 100)} is cut to ${LONGEST_VALUE} of ${Buffer.byteLength(value)} bytes`);
    return { key: fitKey(key), value: fitted };
  };
  const result = { params: params.map(fitPair), metrics: metrics.map((metric) => ({ ...metric, key: fitKey(metric.key) })) };
  const fittedTags = tags.map(fitPair);
  const listed = [...changes];
  if (listed.length > 0) fittedTags.push({ key: CHANGES_TAG, value: fittedValue(listed.join('; ')) });
  return { ...result, tags: fittedTags, changes: listed };
}

/** Slashes, letters, digits, `_`, `.`, `-` and blanks; servers on Windows take no colon, and a key must be a path in normal form. */
function fittedKey(key: string): string {
  const clean = posix.normalize(`/${key.replace(/[^/A-Za-z0-9_.\- ]/g, '_')}`).replace(/^\/|\/$/g, '');
  if (clean === key && clean !== '' && clean.length <= LONGEST_KEY) return key;
  const suffix = `_${createHash('sha256').update(key).digest('hex').slice(0, 8)}`;
  return clean.slice(0, LONGEST_KEY - suffix.length).replace(/\/$/, '') + suffix;
}

function fittedValue(value: string): string {
  const bytes = Buffer.from(value);
  if (bytes.length <= LONGEST_VALUE) return value;
  const mark = `… (cut, ${bytes.length} bytes)`;
  let end = LONGEST_VALUE - Buffer.byteLength(mark);
  // Not in the middle of a character.
  while (((bytes[end] ?? 0) & 0xc0) === 0x80) end--;
  return bytes.toString('utf8', 0, end) + mark;
}
