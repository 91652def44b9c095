import { Type } from 'typebox';
import type { ServedRequest } from '../../serving/served-request.js';
import { DECODING_FIELDS, decodingOptions, StrategyName } from '../schemas/decoding-fields.js';
import { ModelField } from '../schemas/form-fields.js';
import { SAMPLING_FIELDS, samplingSettings } from '../schemas/sampling-fields.js';
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
    sampling: { ...limits.defaultSampling, ...samplingSettings(formValues(form, SAMPLING_FIELDS)) },
    ...(model !== undefined && { model }),
    ...(decoding && { decoding }),
    ...servingSettings(formValues(form, SERVING_FIELDS)),
  };
}
