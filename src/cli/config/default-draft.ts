import { basename } from 'node:path';
import { findEntry, shippedAs } from '../../catalogue/entry-named.js';
import { findModel } from '../../catalogue/find-model.js';
import { EdgeVlmError } from '../../core/errors.js';
import type { DraftView } from '../../engine/draft-model.js';

export interface DefaultDraft {
  readonly draft: string;
  readonly view: DraftView;
}

/** By the catalogue's name of the target. */
const DRAFTS: Readonly<Record<string, DefaultDraft>> = {
  shapes: { draft: 'shapes-draft-vision', view: 'image-tokens' },
  mobilevlm: { draft: 'tinyllama_1.1b_q4.gguf', view: 'words' },
};

/** The draft that belongs to a model, if this machine has it. @param name as it was asked for @param path where it was found */
export async function defaultDraft(name: string, path: string): Promise<DefaultDraft | undefined> {
  const entry = shippedAs(path) ?? findEntry(name) ?? findEntry(basename(path, '.gguf'));
  const draft = entry !== undefined && Object.hasOwn(DRAFTS, entry.name) ? DRAFTS[entry.name] : undefined;
  if (draft === undefined) return undefined;
  try {
    const { model } = await findModel({ model: draft.draft, vision: false });
    return { ...draft, draft: model };
  } catch (thrown) {
    if (thrown instanceof EdgeVlmError) return undefined;
    throw thrown;
  }
}
