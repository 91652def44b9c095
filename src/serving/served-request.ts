import type { ContentPart, GenerateRequest, ModelPolicies } from '../core/generator.js';

/** A picture that the server is to fetch. */
export interface PictureLink {
  readonly type: 'picture-link';
  /** https, and of a host that may be fetched from. */
  readonly url: string;
}

/** What a client asks of the server: of the model, and beside it. */
export interface ServedRequest extends Omit<GenerateRequest, 'input'> {
  readonly input: GenerateRequest<ContentPart | PictureLink>['input'];
  /** What the client calls the model; absent and empty: the first. */
  readonly model?: string;
  /** What the client takes to be in force. It holds for everybody, so anything else is refused. */
  readonly expects?: Partial<ModelPolicies>;
  /** An answer about pictures nearer than this may be given again, as `fingerprintDistance` tells; 0 for none. Default: the server's. */
  readonly reuseSimilar?: number;
}
