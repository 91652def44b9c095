import { Type, type Static, type TObject } from 'typebox';
import { Compile } from 'typebox/compile';
import type { FinishReason, TokenChance, TokenLogprobs } from '../../core/generator.js';

const Nullable = <T extends Parameters<typeof Type.Union>[0][number]>(schema: T) => Type.Union([schema, Type.Null()]);
const Count = Type.Integer({ minimum: 0 });

const Usage = Type.Object({
  prompt_tokens: Count,
  completion_tokens: Type.Optional(Count),
  prompt_tokens_details: Type.Optional(Nullable(Type.Object({ cached_tokens: Type.Optional(Nullable(Count)) }))),
});

const Chance = {
  id: Type.Optional(Type.Integer({ minimum: 0 })),
  token: Type.String({ maxLength: 1024 }),
  bytes: Type.Optional(Nullable(Type.Array(Type.Integer({ minimum: 0, maximum: 255 }), { maxItems: 1024 }))),
  logprob: Type.Number(),
};
const Logprobs = Type.Object({
  content: Type.Optional(Nullable(Type.Array(Type.Object({ ...Chance, top_logprobs: Type.Optional(Type.Array(Type.Object(Chance))) })))),
});

/** The part of one event of a stream that is read: `text` of completions, `delta` of chats. */
const Chunk = Type.Object({
  choices: Type.Optional(
    Type.Array(
      Type.Object({
        text: Type.Optional(Nullable(Type.String())),
        delta: Type.Optional(
          Nullable(
            Type.Object({ content: Type.Optional(Nullable(Type.String())), reasoning_content: Type.Optional(Nullable(Type.String())) }),
          ),
        ),
        // OpenAI's own completions tell them in lists beside each other: those are not read.
        logprobs: Type.Optional(Nullable(Logprobs)),
        finish_reason: Type.Optional(Nullable(Type.String())),
      }),
    ),
  ),
  usage: Type.Optional(Nullable(Usage)),
  timings: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
});

const checkChunk = Compile(Chunk);

/** What one event says. */
export interface OpenAiChunk {
  /** Of the first choice, thoughts included: they are tokens, too. */
  readonly text: string;
  /** As llama-server tells them of both, and OpenAI of chats; null where it tells none. */
  readonly logprobs: readonly TokenLogprobs[] | null;
  readonly finishReason: FinishReason | null;
  readonly usage: Static<typeof Usage> | null;
  /** llama.cpp's own account of its work. */
  readonly timings: Readonly<Record<string, number>> | null;
}

/** Reads one event; undefined when it is none of this API. */
export function parseChunk(value: unknown): OpenAiChunk | undefined {
  if (!checkChunk.Check(value)) return undefined;
  const choice = value.choices?.[0];
  const { text = null, delta = null, finish_reason = null, logprobs = null } = choice ?? {};
  return {
    text: (delta?.reasoning_content ?? '') + (delta?.content ?? '') + (text ?? ''),
    logprobs: logprobs?.content?.map(({ top_logprobs = [], ...own }) => ({ ...chanceOf(own), top: top_logprobs.map(chanceOf) })) ?? null,
    finishReason: finish_reason === null ? null : finish_reason === 'length' ? 'length' : 'stop',
    usage: value.usage ?? null,
    timings: value.timings === undefined ? null : numbersOf(value.timings),
  };
}

function chanceOf({ id, token, bytes, logprob }: Static<TObject<typeof Chance>>): TokenChance {
  return { token: id ?? null, bytes: bytes == null ? Buffer.from(token) : Uint8Array.from(bytes), logprob };
}

/** A server says a few dozen things of itself, under short names. */
function numbersOf(timings: Readonly<Record<string, unknown>>): Record<string, number> {
  const numbers = Object.entries(timings).filter((entry): entry is [string, number] => {
    const [name, value] = entry;
    return typeof value === 'number' && Number.isFinite(value) && /^\w{1,64}$/.test(name) && name !== '__proto__';
  });
  return Object.fromEntries(numbers.slice(0, 100));
}
