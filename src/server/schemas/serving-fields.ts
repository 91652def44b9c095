import { type Static, type TObject, Type } from 'typebox';
import type { ServedRequest } from '../../serving/served-request.js';

/** What requests say beside what the model is asked; the same in forms and in JSON. */
export const SERVING_FIELDS = {
  context_shift: Type.Optional(
    Type.Boolean({
      description: 'Lossy: whether an answer that fills the context goes on without its older half. Default: as the server was started.',
    }),
  ),
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

type ServingFields = Static<TObject<typeof SERVING_FIELDS>>;

/** The same in our words; null is what OpenAI's clients send for what they do not set. */
export function servingSettings({
  context_shift,
  cache,
  image_tokens,
  reuse_similar,
}: {
  readonly [Name in keyof ServingFields]: ServingFields[Name] | null;
}): Pick<ServedRequest, 'contextShift' | 'expects' | 'reuseSimilar'> {
  const expects = { ...(cache != null && { cache }), ...(image_tokens != null && { imageTokens: image_tokens }) };
  return {
    ...(context_shift != null && { contextShift: context_shift }),
    ...(Object.keys(expects).length > 0 && { expects }),
    ...(reuse_similar != null && { reuseSimilar: reuse_similar }),
  };
}
