import { type Static, type TObject, Type } from 'typebox';
import type { SamplingOptions } from '../../core/generator.js';

/** More than any context that is served. */
const MOST_RECENT = 65_536;
const Penalty = (description: string) => Type.Optional(Type.Number({ minimum: -2, maximum: 2, description }));

/** How tokens are chosen; what a request leaves out is as the server was started. The names are OpenAI's and llama-server's. */
export const SAMPLING_FIELDS = {
  temperature: Type.Optional(Type.Number({ minimum: 0, maximum: 100, description: '0, the default, takes the likeliest token.' })),
  top_p: Type.Optional(Type.Number({ minimum: 0, maximum: 1 })),
  top_k: Type.Optional(Type.Integer({ minimum: 0, maximum: 0x7fffffff })),
  min_p: Type.Optional(Type.Number({ minimum: 0, maximum: 1 })),
  repeat_penalty: Type.Optional(Type.Number({ minimum: 0.01, maximum: 100 })),
  repeat_last_n: Type.Optional(
    Type.Integer({ minimum: -1, maximum: MOST_RECENT, description: 'Tokens that the penalties see; -1 for all. Default 64.' }),
  ),
  frequency_penalty: Penalty('For every time that a token was there already.'),
  presence_penalty: Penalty('For tokens that were there already.'),
  seed: Type.Optional(Type.Integer({ minimum: 0, maximum: 0xfffffffe, description: 'Default 0: the same request gives the same answer.' })),
} as const;

type SamplingFields = Static<TObject<typeof SAMPLING_FIELDS>>;

/** The same in the engine's words; OpenAI's clients send null for what they do not set. */
export function samplingSettings(fields: { readonly [Name in keyof SamplingFields]: SamplingFields[Name] | null }): SamplingOptions {
  const { temperature, top_p, top_k, min_p, repeat_penalty, repeat_last_n, frequency_penalty, presence_penalty, seed } = fields;
  return {
    ...(temperature != null && { temperature }),
    ...(top_p != null && { topP: top_p }),
    ...(top_k != null && { topK: top_k }),
    ...(min_p != null && { minP: min_p }),
    ...(repeat_penalty != null && { repeatPenalty: repeat_penalty }),
    ...(repeat_last_n != null && { penaltyLastN: repeat_last_n === -1 ? MOST_RECENT : repeat_last_n }),
    ...(frequency_penalty != null && { frequencyPenalty: frequency_penalty }),
    ...(presence_penalty != null && { presencePenalty: presence_penalty }),
    ...(seed != null && { seed }),
  };
}
