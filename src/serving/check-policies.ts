import { EdgeVlmError } from '../core/errors.js';
import type { ModelDescription, ModelPolicies } from '../core/generator.js';

/** @throws REQUEST_INVALID where a model keeps its cache or its image tokens otherwise than a client expects */
export function checkPolicies(expects: Partial<ModelPolicies>, { policies, name }: ModelDescription): void {
  const { cache, imageTokens } = expects;
  if (cache !== undefined && cache !== policies?.cache) {
    const kept = policies === undefined ? 'as its runtime likes' : `in the cache ${policies.cache}`;
    throw new EdgeVlmError('REQUEST_INVALID', `cache is ${cache}; ${name} keeps keys and values ${kept}`, {
      hint: `Leave it out, or serve the model with --cache ${cache}: its memory is laid out when it is loaded.`,
    });
  }
  const kept = policies?.imageTokens ?? null;
  if (imageTokens !== undefined && imageTokens !== kept) {
    throw new EdgeVlmError('REQUEST_INVALID', `image_tokens is ${imageTokens}; ${name} keeps ${kept ?? 'all'} of every tile`, {
      hint: `Leave it out, or serve the model with --image-tokens ${imageTokens}: requests share pictures that were encoded.`,
    });
  }
}
