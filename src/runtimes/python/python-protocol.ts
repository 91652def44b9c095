import { type Static, Type } from 'typebox';
import { Value } from 'typebox/value';
import type { WorkerRequest } from '../worker/worker-generator.js';

/** Messages to and from the Python process, one JSON object a line; the other side is python/runtime/edgevlm_runtime/protocol.py. */
export const PROTOCOL_VERSION = 2;

/** The longest line that Python may send: the logits of a vocabulary of half a million, as base64. */
export const LONGEST_ANSWER = 3 << 20;
/** The longest that it may be sent; pictures are in it, as base64. */
export const LONGEST_REQUEST = 256 << 20;

const Id = Type.Integer({ minimum: 0 });
const Milliseconds = Type.Number({ minimum: 0 });
const Count = Type.Integer({ minimum: 0 });
const Nullable = <T extends Parameters<typeof Type.Union>[0][number]>(schema: T) => Type.Union([schema, Type.Null()]);
const Warnings = Type.Array(Type.String(), { maxItems: 100 });

const Ready = Type.Object({
  type: Type.Literal('ready'),
  protocol: Type.Integer(),
  python: Type.String(),
  torch: Type.String(),
  transformers: Type.String(),
  import_ms: Milliseconds,
});

const Loaded = Type.Object({
  type: Type.Literal('loaded'),
  id: Id,
  architecture: Type.String(),
  precision: Type.String(),
  parameters: Count,
  context_length: Nullable(Count),
  vocabulary_size: Nullable(Count),
  weight_bytes: Count,
  load_ms: Milliseconds,
  import_ms: Milliseconds,
  warnings: Warnings,
});

const Token = Type.Object({
  type: Type.Literal('token'),
  id: Id,
  token: Nullable(Count),
  text: Type.String(),
  at_ms: Milliseconds,
});

const Logits = Type.Object({ type: Type.Literal('logits'), id: Id, values: Type.String() });

const Time = Type.Object({ type: Type.Literal('time'), id: Id, now_ms: Milliseconds });

const Done = Type.Object({
  type: Type.Literal('done'),
  id: Id,
  finish_reason: Type.Union([Type.Literal('stop'), Type.Literal('length'), Type.Literal('cancelled')]),
  prompt_tokens: Nullable(Count),
  completion_tokens: Nullable(Count),
  image_tokens: Nullable(Count),
  queue_ms: Milliseconds,
  tokenise_ms: Milliseconds,
  prepare_ms: Milliseconds,
  encode_ms: Nullable(Milliseconds),
  prefill_ms: Nullable(Milliseconds),
  decode_ms: Milliseconds,
  warnings: Warnings,
});

const Failed = Type.Object({ type: Type.Literal('error'), id: Nullable(Id), code: Type.String(), message: Type.String() });

const PythonMessage = Type.Union([Token, Logits, Time, Done, Loaded, Ready, Failed]);
/** What Python may send. */
export type PythonMessage = Static<typeof PythonMessage>;
export type LoadedMessage = Static<typeof Loaded>;
export type DoneMessage = Static<typeof Done>;
export type TimeMessage = Static<typeof Time>;

/** Reads one line; undefined when it is no message of ours. */
export function parsePythonMessage(line: string): PythonMessage | undefined {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return undefined;
  }
  return Value.Check(PythonMessage, value) ? value : undefined;
}

export interface PythonLoad {
  readonly model: string;
  readonly device: string;
  readonly precision: string;
  readonly threads: number | null;
  readonly context: number | null;
  readonly allow_remote_code: boolean;
  /** Of a model of the hub: a tag or a commit. */
  readonly revision: string | null;
}

/** What Python may be sent. */
export type ToPython =
  | ({ readonly type: 'load'; readonly id: number } & PythonLoad)
  | ({ readonly type: 'generate'; readonly id: number } & PythonGenerate)
  | { readonly type: 'cancel'; readonly id: number }
  | { readonly type: 'time'; readonly id: number }
  | { readonly type: 'stop' };

type PythonPart = { readonly text: string } | { readonly picture: string };

export interface PythonGenerate {
  readonly messages: readonly { readonly role: string; readonly content: readonly PythonPart[] }[] | null;
  readonly prompt: string | null;
  readonly max_tokens: number;
  /** Goes along this answer and tells what it would have chosen from. */
  readonly forced: readonly number[] | null;
  readonly sampling: {
    readonly temperature: number;
    readonly top_k: number;
    readonly top_p: number;
    readonly min_p: number;
    readonly repeat_penalty: number;
    readonly seed: number;
  };
}

/** A request in the words of the protocol; absent settings take the defaults of `SamplingOptions`. */
export function toPythonGenerate({ input, maxTokens, sampling = {} }: WorkerRequest, forced: readonly number[] | null = null): PythonGenerate {
  const { temperature = 0, topK = 40, topP = 0.95, minP = 0.05, repeatPenalty = 1, seed = 0 } = sampling;
  return {
    messages:
      'prompt' in input
        ? null
        : input.messages.map(({ role, content }) => ({
            role,
            content: content.map((part) =>
              part.type === 'text' ? { text: part.text } : { picture: Buffer.from(part.bytes).toString('base64') },
            ),
          })),
    prompt: 'prompt' in input ? input.prompt : null,
    max_tokens: maxTokens,
    forced,
    sampling: { temperature, top_k: topK, top_p: topP, min_p: minP, repeat_penalty: repeatPenalty, seed },
  };
}
