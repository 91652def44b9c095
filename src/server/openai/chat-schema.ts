import { type Static, type TSchema, Type } from 'typebox';
import { DECODING_FIELDS, StrategyName } from '../schemas/decoding-fields.js';
import { DecodingReport } from '../schemas/answer-schema.js';
import { SAMPLING_FIELDS } from '../schemas/sampling-fields.js';
import { SERVING_FIELDS } from '../schemas/serving-fields.js';
import { ChatLogprobs, CompletionLogprobs, TopLogprobs } from './logprobs.js';

/** OpenAI's clients send null for what they do not set. */
const Maybe = <T extends TSchema>(schema: T) => Type.Optional(Type.Union([schema, Type.Null()]));

const Text = Type.Object({ type: Type.Literal('text'), text: Type.String() });
const Image = Type.Object({
  type: Type.Literal('image_url'),
  image_url: Type.Object({
    url: Type.String({ description: '`data:image/…;base64,…`, or https where the server was told which hosts it may fetch from.' }),
    detail: Maybe(Type.String({ description: 'Ignored: the model decides.' })),
  }),
});

const Message = Type.Object({
  role: Type.Enum(['system', 'developer', 'user', 'assistant']),
  content: Type.Union([Type.String(), Type.Array(Type.Union([Text, Image]), { maxItems: 256 })]),
});
export type OpenAiMessage = Static<typeof Message>;

const ResponseFormat = Type.Union([
  Type.Object({ type: Type.Literal('text') }),
  Type.Object({ type: Type.Literal('json_object') }),
  Type.Object({
    type: Type.Literal('json_schema'),
    json_schema: Type.Object({
      name: Type.Optional(Type.String()),
      schema: Type.Unknown({ description: 'docs/STRUCTURED_OUTPUT.md says which keywords are obeyed.' }),
      strict: Maybe(Type.Boolean()),
    }),
  }),
]);

/** What chat and text completions have in common. */
const GENERATION = {
  model: Maybe(Type.String({ maxLength: 256 })),
  max_tokens: Maybe(Type.Integer({ minimum: 1 })),
  n_predict: Maybe(
    Type.Union([Type.Integer({ minimum: 1 }), Type.Literal(-1)], {
      description: "llama-server's word for max_tokens; -1 for as many as there may be.",
    }),
  ),
  temperature: Maybe(SAMPLING_FIELDS.temperature),
  top_p: Maybe(SAMPLING_FIELDS.top_p),
  top_k: Maybe(SAMPLING_FIELDS.top_k),
  min_p: Maybe(SAMPLING_FIELDS.min_p),
  repeat_penalty: Maybe(SAMPLING_FIELDS.repeat_penalty),
  repeat_last_n: Maybe(SAMPLING_FIELDS.repeat_last_n),
  frequency_penalty: Maybe(SAMPLING_FIELDS.frequency_penalty),
  presence_penalty: Maybe(SAMPLING_FIELDS.presence_penalty),
  seed: Maybe(SAMPLING_FIELDS.seed),
  stop: Maybe(Type.Union([Type.String(), Type.Array(Type.String({ minLength: 1 }), { maxItems: 16 })])),
  stream: Maybe(Type.Boolean()),
  stream_options: Maybe(Type.Object({ include_usage: Maybe(Type.Boolean()) })),
  n: Maybe(Type.Integer({ minimum: 1, maximum: 1 })),
  response_format: Maybe(ResponseFormat),
  grammar: Maybe(Type.String({ maxLength: 262_144, description: 'A GBNF grammar; as llama-server takes it.' })),
  context_shift: Maybe(SERVING_FIELDS.context_shift),
  cache_prompt: Maybe(Type.Boolean({ description: 'Whether work of earlier prompts is used. Default true; as llama-server takes it.' })),
  decoding: Maybe(
    // A setting that nobody knows is a mistake: it is no field of OpenAI's.
    Type.Object({ strategy: Type.Optional(StrategyName), ...DECODING_FIELDS }, { additionalProperties: false }),
  ),
  cache: Maybe(SERVING_FIELDS.cache),
  image_tokens: Maybe(SERVING_FIELDS.image_tokens),
  reuse_similar: Maybe(SERVING_FIELDS.reuse_similar),
} as const;

export const ChatRequest = Type.Object({
  messages: Type.Array(Message, { minItems: 1, maxItems: 1024 }),
  max_completion_tokens: Maybe(Type.Integer({ minimum: 1 })),
  logprobs: Maybe(Type.Boolean({ description: "Whether to tell how likely each token was, by the model's own distribution." })),
  top_logprobs: Maybe(TopLogprobs),
  ...GENERATION,
});
export type ChatRequest = Static<typeof ChatRequest>;

export const CompletionRequest = Type.Object({
  prompt: Type.String({ description: 'Taken as it is, without a chat template.' }),
  logprobs: Maybe(TopLogprobs),
  ...GENERATION,
});
export type CompletionRequest = Static<typeof CompletionRequest>;

const Count = Type.Integer({ minimum: 0 });
const Usage = Type.Object({
  prompt_tokens: Count,
  completion_tokens: Count,
  total_tokens: Count,
  prompt_tokens_details: Type.Object({ cached_tokens: Count, image_tokens: Count }),
});
const Timings = Type.Record(Type.String(), Type.Union([Type.Number(), Type.Null()]), {
  description:
    "llama-server's block (prompt_n, prompt_ms, predicted_n, predicted_ms, draft_n, draft_n_accepted, cache_n, …), and the stages before it.",
});

const ANSWER = {
  id: Type.String(),
  created: Type.Integer(),
  model: Type.String(),
  system_fingerprint: Type.String(),
  usage: Usage,
  timings: Timings,
  lossy: Type.Array(Type.String()),
  warnings: Type.Array(Type.String()),
  decoding: DecodingReport,
} as const;
const Finish = Type.Enum(['stop', 'length']);

export const ChatAnswer = Type.Object(
  {
    object: Type.Literal('chat.completion'),
    choices: Type.Array(
      Type.Object({
        index: Count,
        message: Type.Object({ role: Type.Literal('assistant'), content: Type.String(), refusal: Type.Null() }),
        finish_reason: Finish,
        logprobs: ChatLogprobs,
      }),
    ),
    ...ANSWER,
  },
  { description: 'With `stream`, chunks of it as server-sent events.' },
);
export const CompletionAnswer = Type.Object(
  {
    object: Type.Literal('text_completion'),
    choices: Type.Array(Type.Object({ index: Count, text: Type.String(), finish_reason: Finish, logprobs: CompletionLogprobs })),
    ...ANSWER,
  },
  { description: 'With `stream`, chunks of it as server-sent events.' },
);
