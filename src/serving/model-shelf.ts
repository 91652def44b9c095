import type { ServableModel } from './servable-model.js';

/** What a draft may see of pictures; the engine explains it. */
export const DRAFT_VIEWS = ['words', 'image-tokens'] as const;

/** What a client may ask to load. */
export interface LoadRequest {
  /** The name of a model whose files are here. */
  readonly model: string;
  /** What requests are to call it. Default: the same. */
  readonly name?: string;
  /** File name of the vision half beside it. */
  readonly mmproj?: string;
  /** The name of a smaller model that guesses for it. */
  readonly draft?: string;
  /** Default: words. */
  readonly draftView?: (typeof DRAFT_VIEWS)[number];
  /** Tokens of a prompt and its answer. */
  readonly context?: number;
}

/** A model whose files are here. */
export interface AvailableModel {
  readonly name: string;
  /** Of the language half's file. */
  readonly fileBytes: number;
}

/** The models that could be loaded. Names from clients lead to nothing else. */
export interface ModelShelf {
  list(): Promise<AvailableModel[]>;
  /** @throws MODEL_UNKNOWN for a name that is none of `list`; what its files are refused for; LOAD_ERROR where nothing here runs it */
  find(request: LoadRequest): Promise<ServableModel>;
}
