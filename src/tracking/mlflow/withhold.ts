import { ANSWER_FINGERPRINT } from '../../core/record-parts.js';
import type { RunRecord } from '../../core/run-record.js';

/** What may be clinical or private and is sent only when it is asked for by name. */
export const WITHHELD = ['names', 'prompts', 'answers', 'pictures', 'notes'] as const;
export type Withheld = (typeof WITHHELD)[number];

/** Stands where something was held back. */
export const NOT_SENT = '(not sent)';

/** Settings whose text is a term of ours, never somebody's words or the name of somebody's file. */
const TERMS = new Set(
  (
    'backend cache corpus decoding depths device draft dtype exit kv_cache language loads order precision precisions projector ' +
    'quantization runner runtime runtimes sampling scenario schedule split style task tasks tower vs warmth'
  ).split(' '),
);
const TERM = /^[\w.,:;+×% ()-]{0,200}$/;
/** `shapes:q8_0`, `owner/name`; not a path. */
const MODEL_SETTING = /^model(_name)?$/;
const MODEL_NAME = /^\w[\w.:-]*(\/\w[\w.:-]*)?$/;
const MODEL_FILE = /[\\/].*\.(gguf|onnx|safetensors|bin|pt|pth)$/i;
const PROMPT_SETTING = /prompt|question|system|template|grammar|schema|stop/i;

/**
 * A copy of a record without what is not to leave the machine. It is the only way from a record to a tracking server, and it is built
 * from what may go, so that a field it does not know stays here. Numbers, hashes, our own terms (names of samples, scores and verdicts)
 * and the description of the machine, which names neither it nor its user, always go.
 */
export function withhold(record: RunRecord, send: ReadonlySet<Withheld>): { record: RunRecord; withheld: Withheld[] } {
  const withheld = new Set<Withheld>();
  const guard = (text: string, kind: Withheld): string => {
    if (send.has(kind) || text === '') return text;
    withheld.add(kind);
    return NOT_SENT;
  };
  const settings = (given: RunRecord['settings']['effective']): RunRecord['settings']['effective'] =>
    Object.fromEntries(
      Object.entries(given).map(([name, value]) => [
        name,
        typeof value !== 'string' || isTerm(name, value) ? value : guard(value, PROMPT_SETTING.test(name) ? 'prompts' : 'names'),
      ]),
    );
  const { schemaVersion, id, createdAt, command, seeds, models, dataset, environment, environmentSha256, thermal, memory } = record;
  const { scores, cell, resources, generator } = record;
  const isHidden = (name: string): boolean => {
    if (name !== ANSWER_FINGERPRINT || send.has('answers')) return false;
    withheld.add('answers');
    return true;
  };
  const samples = record.samples.filter(({ name }) => !isHidden(name));
  const summary = Object.fromEntries(Object.entries(record.summary).filter(([name]) => !isHidden(name)));
  const kept: RunRecord = {
    ...{ schemaVersion, id, createdAt, command, seeds, models, environment, environmentSha256, thermal, memory, samples, summary },
    ...(cell !== undefined && { cell: { ...cell, plan: guard(cell.plan, 'names') } }),
    ...(resources !== undefined && { resources }),
    ...(generator !== undefined && { generator }),
    settings: { requested: settings(record.settings.requested), effective: settings(record.settings.effective) },
    dataset: dataset === null ? null : { ...dataset, name: guard(dataset.name, 'names') },
    ...(scores !== undefined && { scores }),
    verdicts: record.verdicts.map(({ name, outcome, detail }) => ({ name, outcome, detail: guard(detail, 'notes') })),
    notes: record.notes.map((note) => guard(note, 'notes')),
  };
  return { record: kept, withheld: WITHHELD.filter((kind) => withheld.has(kind)) };
}

function isTerm(name: string, value: string): boolean {
  if (MODEL_SETTING.test(name)) return MODEL_NAME.test(value) && !MODEL_FILE.test(value);
  return TERMS.has(name) && TERM.test(value);
}
