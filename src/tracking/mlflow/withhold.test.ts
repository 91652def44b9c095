import { expect, it } from 'vitest';
import { sampleRecord } from '../../../test/tracking/support/sample-record.js';
import type { RunRecord } from '../../core/run-record.js';
import { ANSWER_FINGERPRINT } from '../../core/record-parts.js';
import { toMlflowRun } from './to-mlflow-run.js';
import { WITHHELD, withhold } from './withhold.js';

const SENTINEL = 'SENTINEL';

/** Every text that comes from the user's data, marked by what it is. */
function secretRecord(): RunRecord {
  const settings = {
    image_dir: `/home/${SENTINEL}-names/ward`,
    imageDir: `${SENTINEL}-names`,
    out: `${SENTINEL}-names.json`,
    model: `/data/${SENTINEL}-names/model.gguf`,
    device: `/dev/${SENTINEL}-names`,
    anything: `${SENTINEL}-names`,
    prompt: `${SENTINEL}-prompts?`,
    systemPrompt: `${SENTINEL}-prompts`,
    questions: `${SENTINEL}-prompts`,
    stop: `${SENTINEL}-prompts`,
    threads: 2,
  };
  return sampleRecord(3, {
    settings: { requested: settings, effective: settings },
    dataset: { name: `${SENTINEL}-names`, sha256: 'b'.repeat(64), items: 3 },
    verdicts: [{ name: 'parity', outcome: 'fail', detail: `answered "${SENTINEL}-notes"` }],
    notes: [`${SENTINEL}-notes.png could not be read`],
  });
}
const options = { server: new URL('http://mlflow.example/'), experiment: 'e' };

it('nothing of the user leaves the machine unless asked', () => {
  const run = toMlflowRun(secretRecord(), { ...options, send: new Set() });
  expect(JSON.stringify(run)).not.toContain(SENTINEL);
  expect(run.tags).toContainEqual({ key: 'edgevlm.not_sent', value: 'names, prompts, notes' });
  expect(run.params).toContainEqual({ key: 'settings.threads', value: '2' });
  expect(run.metrics.length).toBeGreaterThan(10);
});

it.each(WITHHELD)('asked for %s, nothing else is sent', (kind) => {
  const text = JSON.stringify(toMlflowRun(secretRecord(), { ...options, send: new Set([kind]) }));
  const found = new Set(Array.from(text.matchAll(/SENTINEL-(\w+)/g), ([, marked]) => marked));
  expect(found).toEqual(new Set(['names', 'prompts', 'notes'].filter((marked) => marked === kind)));
});

it('asked for everything, the record is sent as it is', () => {
  const record = secretRecord();
  expect(withhold(record, new Set(WITHHELD))).toEqual({ record, withheld: [] });
});

it('a field that a later version adds stays here', () => {
  const later = { ...sampleRecord(3), answers: [SENTINEL] };
  expect(JSON.stringify(toMlflowRun(later, { ...options, send: new Set(WITHHELD) }))).not.toContain(SENTINEL);
});

it.each([
  ['model', 'shapes:q8_0', true],
  ['model', 'owner/name', true],
  ['model', '../secret/x', false],
  ['model', 'folder/x.gguf', false],
  ['model', 'C:\\x', false],
  ['device', 'cuda', true],
  ['device', 'Jane Doe/x', false],
])('the setting %s %j is sent: %j', (name, value, sent) => {
  const record = sampleRecord(3, { settings: { requested: {}, effective: { [name]: value } } });
  expect(withhold(record, new Set()).record.settings.effective[name] === value).toBe(sent);
});

it('fingerprints of answers leave only with answers', () => {
  const fingerprints = { name: ANSWER_FINGERPRINT, unit: 'HMAC, 48 bits', values: [123_456_789] };
  const record = sampleRecord(3, { samples: [fingerprints] });
  const kept = withhold(record, new Set());
  expect(JSON.stringify(kept.record)).not.toContain('123456789');
  expect(kept.withheld).toContain('answers');
  expect(withhold(record, new Set(['answers'] as const)).record).toMatchObject({ samples: [fingerprints] });
});
