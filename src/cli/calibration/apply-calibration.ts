import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { describeEnvironment } from '../../bench/probes/environment.js';
import { dataDirectories } from '../../core/data-directories.js';
import { EdgeVlmError } from '../../core/errors.js';
import { sha256File } from '../../core/sha256-file.js';
import { defaultThreads } from '../../engine/default-threads.js';
import type { EngineLoadOptions } from '../../runtimes/engine/engine-protocol.js';
import type { Terminal } from '../terminal.js';
import { calibrationDevice, parseCalibration, type CalibrationRecord } from './calibration-record.js';

/** Told to use one where there is one, none, or the one in a file. */
export type CalibrationChoice = string;

interface Told {
  readonly terminal: Pick<Terminal, 'note' | 'warning'>;
  readonly signal: AbortSignal;
}

/**
 * Hands the engine what `edgevlm calibrate` learnt about this model on this device, where tokens are to be found otherwise than one by
 * one; settings of the user's go first. What is of another model, device or release is left aside with a warning.
 * @param choice `auto`, `none`, or a file
 * @throws EdgeVlmError FILE_NOT_FOUND, FILE_UNREADABLE for a file that was asked for
 */
export async function applyCalibration(load: EngineLoadOptions, choice: CalibrationChoice, told: Told): Promise<EngineLoadOptions> {
  const strategy = load.decoding?.strategy ?? (load.draft === undefined ? 'plain' : 'speculative');
  if (choice === 'none' || (choice === 'auto' && strategy === 'plain')) return load;
  const candidates = choice === 'auto' ? await storedFor(load, told) : [{ file: choice, record: await readCalibration(choice) }];
  let warning: string | undefined;
  for (const { file, record } of candidates) {
    const why = await whyForeign(record, load, told.signal);
    if (why === undefined) {
      told.terminal.note(`calibration: ${file}`);
      return withCalibration(load, record);
    }
    warning ??= `the calibration ${file} is not used: ${why}; run \`edgevlm calibrate\` again`;
  }
  if (warning !== undefined) told.terminal.warning(warning);
  return load;
}

/** What a record adds to options that say nothing else. */
function withCalibration(load: EngineLoadOptions, record: CalibrationRecord): EngineLoadOptions {
  const { decoding = {} } = load;
  const { selfSpeculative, exits, costs } = record;
  const draftLayers = decoding.draftLayers ?? selfSpeculative?.draftLayers;
  const chosenExits = [decoding.exitLayers, decoding.exitThreshold, decoding.exitGate, decoding.exitDecay].every(
    (one) => one === undefined,
  );
  const early = costs['self-speculative'];
  return {
    ...load,
    decoding: {
      ...decoding,
      ...(draftLayers !== undefined && { draftLayers }),
      ...(chosenExits && exits !== null && { exitGate: exits.gate, exitLayers: exits.exitLayers, exitThreshold: exits.exitThreshold }),
    },
    speculationCosts: {
      ngram: costs.ngram,
      ...(costs.speculative !== null && load.draft !== undefined && { speculative: costs.speculative }),
      // Of so many layers, and no others.
      ...(early !== null && draftLayers === selfSpeculative?.draftLayers && { 'self-speculative': early }),
    },
  };
}

/** @throws EdgeVlmError FILE_NOT_FOUND, FILE_UNREADABLE */
async function readCalibration(file: string): Promise<CalibrationRecord> {
  const text = await readFile(file, 'utf8').catch((cause: unknown) => {
    throw new EdgeVlmError('FILE_NOT_FOUND', `${file} cannot be read`, { cause });
  });
  return parseCalibration(text, file);
}

interface Found {
  readonly file: string;
  readonly record: CalibrationRecord;
}

/** Of the stored ones those that may be of this model, newest first: as large, for as many threads and, where there is one, the same draft. */
async function storedFor(load: EngineLoadOptions, { terminal }: Told): Promise<Found[]> {
  const folder = dataDirectories().calibration;
  const names = (await readdir(folder).catch((): string[] => [])).filter((name) => name.endsWith('.json'));
  if (names.length === 0) return [];
  const [bytes, draftBytes] = await Promise.all([fileBytes(load.model), load.draft === undefined ? null : fileBytes(load.draft.model)]);
  const found: Found[] = [];
  for (const name of names) {
    const file = join(folder, name);
    try {
      const record = await readCalibration(file);
      const isDraft = load.draft === undefined || (record.draft?.identity.bytes === draftBytes && record.draft.view === viewOf(load));
      if (record.model.bytes === bytes && record.threads === threadsOf(load) && isDraft) found.push({ file, record });
    } catch (thrown) {
      terminal.warning(`${EdgeVlmError.from(thrown).message}; it is passed over`);
    }
  }
  return found.toSorted((a, b) => b.record.createdAt.localeCompare(a.record.createdAt));
}

/** Why a record does not hold here; undefined where it does. Hashes files, so cheaper reasons come first. */
async function whyForeign(record: CalibrationRecord, load: EngineLoadOptions, signal: AbortSignal): Promise<string | undefined> {
  const environment = await describeEnvironment();
  const here = calibrationDevice(environment);
  const { device, draft } = record;
  if (record.edgevlm !== environment.edgevlm) return `it was made by release ${record.edgevlm ?? 'unknown'}`;
  if (device.cpu !== here.cpu || device.architecture !== here.architecture || device.logicalCores !== here.logicalCores) {
    return `it was made on another device: ${device.cpu ?? device.architecture}, ${device.logicalCores} cores`;
  }
  if (record.threads !== threadsOf(load)) return `it was made with ${record.threads} threads`;
  if (load.draft !== undefined) {
    if (draft === null) return 'it was made without a draft';
    if (draft.view !== viewOf(load)) return `its draft saw ${draft.view}`;
    if (draft.identity.sha256 !== (await sha256File(load.draft.model, signal))) return 'it was made with another draft';
  }
  if (record.model.sha256 !== (await sha256File(load.model, signal))) return `it is of another model, ${record.model.name}`;
  return undefined;
}

const threadsOf = ({ threads }: EngineLoadOptions): number => threads ?? defaultThreads();
const viewOf = ({ draft }: EngineLoadOptions): string => draft?.view ?? 'words';

/** −1 where there is no such file: that is the engine's to report. */
async function fileBytes(file: string): Promise<number> {
  return stat(file).then(
    ({ size }) => size,
    () => -1,
  );
}
