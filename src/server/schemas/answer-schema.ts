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

/** What the decoding strategy did: `DecodingStatistics`. */
export const DecodingReport = Type.Union([Type.Object({}, { additionalProperties: true }), Type.Null()], {
  description: 'What the decoding strategy did: passes, drafted, judged, accepted, exits, …; null where the runtime does not tell.',
});

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
