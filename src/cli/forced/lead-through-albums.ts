import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { Type } from 'typebox';
import { Value } from 'typebox/value';
import type { ForcedAnswer } from '../../bench/scenarios/ablation/ablation-metrics.js';
import { sha256Json } from '../../core/canonical-json.js';
import { EdgeVlmError } from '../../core/errors.js';
import type { ImagePreprocessing } from '../../core/image.js';
import { ProgressTask } from '../../core/progress.js';
import type { ModelIdentity } from '../../core/run-record.js';
import { preparePictures } from '../../runtimes/engine/prepare-pictures.js';
import { writeResults } from '../commands/write-results.js';
import { packageVersion } from '../package-version.js';
import { albumTurns } from '../prompts/album-turns.js';
import type { DrawnPromptsOptions } from '../prompts/drawn-prompts.js';
import { runNative } from '../run-native.js';
import type { Session } from '../session.js';
import type { CompareForcedRequest, ForcedPrompt } from './compare-forced.js';

export interface LeadThroughAlbumsOptions extends Omit<DrawnPromptsOptions, 'vision'> {
  readonly vision: ImagePreprocessing;
  readonly models: Readonly<Record<string, ModelIdentity>>;
  /** At least so many, after the first of every answer. */
  readonly tokens: number;
  /** Of an album; what does not fit into the context is left out. */
  readonly pictures: number;
  readonly folder: string;
  /** The variant's, in a word. */
  readonly cache: string;
}

/** Albums that one process goes through before what it found is kept. */
const ALBUMS = 2;

/** What is kept of a piece of the work. */
const Piece = Type.Array(
  Type.Object({
    asks: Type.Union([Type.Literal('caption'), Type.Literal('answer'), Type.Null()]),
    /** [KL, 1 where both think the same token the likeliest] of each token. */
    tokens: Type.Array(Type.Tuple([Type.Number(), Type.Integer()])),
    cacheBytes: Type.Number(),
    referenceBytes: Type.Number(),
    contextTokens: Type.Integer(),
  }),
);

/**
 * Has a variant go along what plain decoding says in every turn of whole albums. A few albums at a time are kept in `folder`, so that
 * the same command goes on where it was stopped.
 * @throws as `compareForced`; FILE_UNWRITABLE
 */
export async function leadThroughAlbums(
  request: Omit<CompareForcedRequest, 'prompts' | 'reuse'>,
  { vision, models, tokens, pictures, folder, cache, ...drawn }: LeadThroughAlbumsOptions,
  { terminal, signal }: Session,
): Promise<ForcedAnswer[]> {
  const { decoding, subject } = request;
  // Whatever may change a figure; not where files lie.
  const what = {
    models,
    decoding,
    subject: { ...subject, model: null, mmproj: null, draft: null },
    drawn,
    albums: ALBUMS,
    pictures,
    version: packageVersion(),
  };
  const key = sha256Json(what).slice(0, 12);
  const label = `${request.decoding.strategy ?? 'plain'} over ${cache}`;
  const task = new ProgressTask(terminal.progress, { label, unit: 'tokens', total: tokens });
  const answers: ForcedAnswer[] = [];
  try {
    for (let piece = 0, done = 0; done < tokens; piece++) {
      const file = path.join(folder, `${key}-${piece}.json`);
      let found = await readPiece(file);
      if (found === undefined) {
        found = await runNative('compareForced', { ...request, prompts: await promptsOf(piece), reuse: true }, { signal });
        await writeResults(file, packed(found));
      }
      answers.push(...found);
      const more = found.reduce((sum, answer) => sum + answer.tokens.length, 0);
      if (more === 0) throw new EdgeVlmError('CONTEXT_FULL', 'not one turn of an album fits into the context');
      done += more;
      task.advance(more);
    }
    return answers;
  } finally {
    task.end();
  }

  async function promptsOf(piece: number): Promise<ForcedPrompt[]> {
    const prompts: ForcedPrompt[] = [];
    for (let at = 0; at < ALBUMS; at++) {
      const index = piece * ALBUMS + at;
      for (const { messages, maxTokens, truth } of await albumTurns({ ...drawn, index, pictures, maxObjects: 4 }, vision)) {
        const { input } = await preparePictures({ input: { messages }, maxTokens }, vision);
        if ('messages' in input) prompts.push({ messages: input.messages, maxTokens, asks: truth?.asks ?? null, tokens: null });
      }
    }
    return prompts;
  }
}

const packed = (answers: readonly ForcedAnswer[]): object =>
  answers.map(({ tokens, ...rest }) => ({ ...rest, tokens: tokens.map(({ kl, agrees }) => [kl, Number(agrees)]) }));

/** undefined where there is none, or one that was not written by this. */
async function readPiece(file: string): Promise<ForcedAnswer[] | undefined> {
  const text = await readFile(file, 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  try {
    return Value.Parse(Piece, JSON.parse(text)).map(({ tokens, ...rest }) => ({
      ...rest,
      tokens: tokens.map(([kl, agrees]) => ({ kl, agrees: agrees === 1 })),
    }));
  } catch {
    return undefined;
  }
}
