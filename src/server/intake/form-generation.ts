import { type Static, type TObject, Type } from 'typebox';
import type { SamplingOptions } from '../../core/generator.js';
import type { ServedRequest } from '../../serving/served-request.js';
import { DECODING_FIELDS, decodingOptions, StrategyName } from '../schemas/decoding-fields.js';
import { ModelField, SAMPLING_FIELDS } from '../schemas/form-fields.js';
import { SERVING_FIELDS, servingSettings } from '../schemas/serving-fields.js';
import type { RequestLimits } from '../server-options.js';
import { formValues } from './form-values.js';
import type { PictureForm } from './read-form.js';

/** A request about the picture of a form. @throws REQUEST_INVALID */
export function formRequest(form: PictureForm, text: string, limits: RequestLimits): ServedRequest {
  const content = [{ type: 'picture', bytes: form.image } as const, { type: 'text', text } as const];
  const {
    decoding: strategy,
    max_length,
    model,
  } = formValues(form, {
    decoding: Type.Optional(StrategyName),
    max_length: Type.Optional(Type.Integer({ minimum: 1, maximum: limits.maxTokens })),
    model: ModelField,
  });
  const decoding = decodingOptions({ ...formValues(form, DECODING_FIELDS), ...(strategy !== undefined && { strategy }) });
  return {
    input: { messages: [{ role: 'user', content }] },
    maxTokens: max_length ?? limits.defaultTokens,
    sampling: { ...limits.defaultSampling, ...samplingOf(formValues(form, SAMPLING_FIELDS)) },
    ...(model !== undefined && { model }),
    ...(decoding && { decoding }),
    ...servingSettings(formValues(form, SERVING_FIELDS)),
  };
}

function samplingOf(fields: Static<TObject<typeof SAMPLING_FIELDS>>): SamplingOptions {
  const { temperature, top_p, top_k, min_p, repeat_penalty, seed } = fields;
  return {
    ...(temperature !== undefined && { temperature }),
    ...(top_p !== undefined && { topP: top_p }),
    ...(top_k !== undefined && { topK: top_k }),
    ...(min_p !== undefined && { minP: min_p }),
    ...(repeat_penalty !== undefined && { repeatPenalty: repeat_penalty }),
    ...(seed !== undefined && { seed }),
  };
}
