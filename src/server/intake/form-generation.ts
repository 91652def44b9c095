import { DECODING_STRATEGIES, type DecodingOptions } from '../../core/decoding.js';
import type { GenerateRequest, SamplingOptions } from '../../core/generator.js';
import { InvalidField } from '../invalid-field.js';
import type { RequestLimits } from '../server-options.js';
import { decimalNumber, wholeNumber } from './form-numbers.js';
import type { PictureForm } from './read-form.js';

/** A request about the picture of a form. @throws REQUEST_INVALID */
export function formRequest(form: PictureForm, text: string, limits: RequestLimits): GenerateRequest {
  const content = [{ type: 'picture', bytes: form.image } as const, { type: 'text', text } as const];
  const decoding = decodingOf(form);
  return {
    input: { messages: [{ role: 'user', content }] },
    maxTokens: wholeNumber(form, 'max_length', 1, limits.maxTokens) ?? limits.defaultTokens,
    sampling: samplingOf(form),
    ...(decoding && { decoding }),
  };
}

function samplingOf(form: PictureForm): SamplingOptions {
  const temperature = decimalNumber(form, 'temperature', 0, 100);
  const topP = decimalNumber(form, 'top_p', 0, 1);
  const topK = wholeNumber(form, 'top_k', 0, 0x7fffffff);
  const minP = decimalNumber(form, 'min_p', 0, 1);
  const repeatPenalty = decimalNumber(form, 'repeat_penalty', 0.01, 100);
  const seed = wholeNumber(form, 'seed', 0, 0xfffffffe);
  return {
    ...(temperature !== undefined && { temperature }),
    ...(topP !== undefined && { topP }),
    ...(topK !== undefined && { topK }),
    ...(minP !== undefined && { minP }),
    ...(repeatPenalty !== undefined && { repeatPenalty }),
    ...(seed !== undefined && { seed }),
  };
}

function decodingOf(form: PictureForm): DecodingOptions | undefined {
  const named = form.fields.get('decoding');
  const strategy = DECODING_STRATEGIES.find((name) => name === named);
  if (named !== undefined && strategy === undefined) throw new InvalidField('decoding', `must be one of ${DECODING_STRATEGIES.join(', ')}`);
  const draftTokens = wholeNumber(form, 'draft_tokens', 1, 64);
  const exitThreshold = decimalNumber(form, 'exit_threshold', 0, 1);
  if (strategy === undefined && draftTokens === undefined && exitThreshold === undefined) return undefined;
  return {
    ...(strategy && { strategy }),
    ...(draftTokens !== undefined && { draftTokens }),
    ...(exitThreshold !== undefined && { exitThreshold }),
  };
}
