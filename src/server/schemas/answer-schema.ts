import { type Static, type TObject, Type } from 'typebox';

const Ms = Type.Union([Type.Number({ minimum: 0 }), Type.Null()]);

/** Every stage's wall time, milliseconds; null where the runtime cannot tell it from others. */
const StageTimes = Type.Object(
  {
    queue_ms: Type.Number({ minimum: 0, description: 'Waiting for a place among those that run.' }),
    fetch_ms: Type.Number({ minimum: 0, description: 'Fetching pictures from other servers.' }),
    image_decode_ms: Type.Number({ minimum: 0, description: "From the picture's bytes to pixels." }),
    preprocess_ms: Type.Number({ minimum: 0, description: "From pixels to the model's tiles." }),
    tokenise_ms: Ms,
    encode_ms: Ms,
    prefill_ms: Ms,
    decode_ms: Ms,
    sample_ms: Ms,
    ttft_ms: Type.Number({ minimum: 0, description: 'From the request to the first token.' }),
    total_ms: Type.Number({ minimum: 0 }),
  },
  { description: 'Milliseconds; null where the runtime cannot tell.' },
);

const Count = Type.Union([Type.Integer({ minimum: 0 }), Type.Null()]);

/** `DecodingStatistics`. */
export const DecodingReport = Type.Union(
  [
    Type.Object({
      strategy: Type.String(),
      passes: Type.Integer({ minimum: 0, description: 'Passes of the whole model after the prompt.' }),
      drafted: Type.Integer({ minimum: 0, description: 'Tokens guessed.' }),
      judged: Type.Integer({ minimum: 0, description: 'Guesses whose predecessors were right; acceptance is accepted / judged.' }),
      accepted: Type.Integer({ minimum: 0 }),
      exits: Type.Record(Type.String(), Type.Integer({ minimum: 0 }), { description: 'Tokens by the layers they left after.' }),
      layer_equivalents: Type.Number({ minimum: 0, description: "Computed, in layers' worth of weights read; 0 without early exit." }),
      full_layer_equivalents: Type.Number({ minimum: 0, description: 'What the same tokens cost without exits.' }),
      costs: Type.Union([Type.Object({ draft_ms: Type.Array(Type.Number()), verify_ms: Type.Array(Type.Number()) }), Type.Null()], {
        description: 'What guessing was found to cost, by the number of guesses from 0 on.',
      }),
    }),
    Type.Null(),
  ],
  { description: 'What the decoding strategy did; null where the runtime does not tell.' },
);

/** What `/caption` and `/vqa` tell beside the text. */
export const ANSWER_FACTS = {
  latency: Type.Number({ minimum: 0, description: 'Seconds from the request to the last token.' }),
  tokens: Type.Integer({ minimum: 0, description: 'New tokens.' }),
  tokens_per_second: Type.Number({ minimum: 0, description: 'New tokens by the time without waiting in the queue.' }),
  prompt_tokens: Count,
  image_tokens: Count,
  cached_tokens: Count,
  finish_reason: Type.Enum(['stop', 'length']),
  timings: StageTimes,
  lossy: Type.Array(Type.String(), { description: 'Optimisations in force that may change the answer.' }),
  warnings: Type.Array(Type.String(), { description: 'Settings that could not be obeyed.' }),
  decoding: DecodingReport,
  reused_distance: Type.Union([Type.Number({ minimum: 0 }), Type.Null()], {
    description: "How far the picture is from an earlier one whose answer this is; null for the model's own.",
  }),
  model: Type.String(),
  precision: Type.String(),
  request_id: Type.String(),
} as const;

export type AnswerFacts = Static<TObject<typeof ANSWER_FACTS>>;
