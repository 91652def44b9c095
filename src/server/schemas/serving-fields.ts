import { type Static, type TObject, Type } from 'typebox';
import type { ServedRequest } from '../../serving/served-request.js';

/** What requests say beside what the model is asked; the same in forms and in JSON. */
export const SERVING_FIELDS = {
  cache: Type.Optional(
    Type.String({
      maxLength: 64,
      description:
        'How keys and values are taken to be kept (full, gear, …). It holds for all requests: another policy than the model was loaded with is an error.',
    }),
  ),
  image_tokens: Type.Optional(
    Type.Integer({ minimum: 1, maximum: 65_536, description: 'Image tokens taken to be left of every tile; as with cache.' }),
  ),
  reuse_similar: Type.Optional(
    Type.Number({
      minimum: 0,
      maximum: 255,
      description:
        'Lossy: an earlier answer to the same question of the same client about pictures nearer than this may be given again; docs/SERVER.md says what the distance is. 0 for none. Default: as the server was started.',
    }),
  ),
} as const;

export type ServingFields = Static<TObject<typeof SERVING_FIELDS>>;

export function servingSettings({ cache, image_tokens, reuse_similar }: ServingFields): Pick<ServedRequest, 'expects' | 'reuseSimilar'> {
  const isExpected = cache !== undefined || image_tokens !== undefined;
  return {
    ...(isExpected && {
      expects: { ...(cache !== undefined && { cache }), ...(image_tokens !== undefined && { imageTokens: image_tokens }) },
    }),
    ...(reuse_similar !== undefined && { reuseSimilar: reuse_similar }),
  };
}
