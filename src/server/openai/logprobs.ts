import { Type } from 'typebox';
import { MAX_LOGPROBS, type TokenChance, type TokenLogprobs } from '../../core/generator.js';

/** What OpenAI tells of what has no probability; JSON has no −∞. */
const NEVER = -9999;
const Chance = {
  token: Type.String({ description: 'Its text; bytes that are no text are written \\xe2\\x80.' }),
  logprob: Type.Number(),
  bytes: Type.Array(Type.Integer({ minimum: 0, maximum: 255 })),
} as const;

/** `choices[].logprobs` of a chat. */
export const ChatLogprobs = Type.Union([
  Type.Object({
    content: Type.Array(Type.Object({ ...Chance, top_logprobs: Type.Array(Type.Object(Chance)) })),
    refusal: Type.Null(),
  }),
  Type.Null(),
]);

/** `choices[].logprobs` of a completion: lists beside each other. */
export const CompletionLogprobs = Type.Union([
  Type.Object({
    tokens: Type.Array(Type.String()),
    token_logprobs: Type.Array(Type.Number()),
    top_logprobs: Type.Array(Type.Record(Type.String(), Type.Number()), {
      description: 'Of each token the likeliest and itself; bytes that are no text are written bytes:\\xe2\\x80.',
    }),
    text_offset: Type.Array(Type.Integer({ minimum: 0 }), { description: 'Where each token begins in the text, in characters.' }),
  }),
  Type.Null(),
]);

/** For requests. */
export const TopLogprobs = Type.Integer({ minimum: 0, maximum: MAX_LOGPROBS });

/** Tokens as chats tell them; null where they were not asked for. */
export function chatLogprobs(tokens: readonly TokenLogprobs[] | undefined): ChatLogprobsBody | null {
  if (tokens === undefined) return null;
  const content = tokens.map(({ top, ...own }) => ({ ...chance(own), top_logprobs: top.map(chance) }));
  return { content, refusal: null };
}

interface ChanceBody {
  token: string;
  logprob: number;
  bytes: number[];
}
interface ChatLogprobsBody {
  content: (ChanceBody & { top_logprobs: ChanceBody[] })[];
  refusal: null;
}

function chance({ bytes, logprob }: TokenChance): ChanceBody {
  return { token: textOf(bytes) ?? escaped(bytes), logprob: finite(logprob), bytes: [...bytes] };
}

/** Tokens as completions tell them; one for each answer, since chunks go on counting characters. */
export class CompletionLogprobsWriter {
  readonly #decoder = new TextDecoder();
  #characters = 0;

  /** null where they were not asked for. */
  write(tokens: readonly TokenLogprobs[] | undefined): CompletionLogprobsBody | null {
    if (tokens === undefined) return null;
    const body: CompletionLogprobsBody = { tokens: [], token_logprobs: [], top_logprobs: [], text_offset: [] };
    for (const token of tokens) {
      body.tokens.push(name(token));
      body.token_logprobs.push(finite(token.logprob));
      body.top_logprobs.push(Object.fromEntries([token, ...token.top].map((one) => [name(one), finite(one.logprob)])));
      body.text_offset.push(this.#characters);
      // Characters, not UTF-16 units, as Python counts.
      this.#characters += Array.from(this.#decoder.decode(token.bytes, { stream: true })).length;
    }
    return body;
  }
}

interface CompletionLogprobsBody {
  tokens: string[];
  token_logprobs: number[];
  top_logprobs: Record<string, number>[];
  text_offset: number[];
}

function name({ bytes }: TokenChance): string {
  return textOf(bytes) ?? `bytes:${escaped(bytes)}`;
}

/** undefined for bytes that are no whole characters. */
function textOf(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

function escaped(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => `\\x${byte.toString(16).padStart(2, '0')}`).join('');
}

function finite(logprob: number): number {
  return Math.max(NEVER, logprob);
}
