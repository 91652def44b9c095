import { Readable } from 'node:stream';
import type { FastifyReply } from 'fastify';
import { EdgeVlmError } from '../../core/errors.js';
import type { TokenLogprobs } from '../../core/generator.js';
import type { ServedEvent, ServedResult } from '../../serving/served-result.js';
import { openAiErrorBody } from '../error-body.js';
import { sse } from '../sse.js';

/** How an interface dresses the pieces of an answer. */
export interface ChunkShapes {
  /** Before the first piece; null for none. */
  readonly first: object | null;
  readonly piece: (text: string, logprobs: readonly TokenLogprobs[] | undefined) => object;
  /** After the last piece. */
  readonly last: (result: ServedResult) => object;
  /** With the counts, where they were asked for; null for none. */
  readonly usage: (result: ServedResult) => object | null;
}

const END = 'data: [DONE]\n\n';

/**
 * Sends an answer as server-sent events. What goes wrong before the first token is an ordinary error; later it is an event.
 * @throws what the first event throws
 */
export async function streamAnswer(
  reply: FastifyReply,
  events: AsyncGenerator<ServedEvent, void, void>,
  shapes: ChunkShapes,
): Promise<never> {
  const first = await events.next();
  const body = Readable.from(chunks(first, events, shapes), { highWaterMark: 1 });
  return await reply.type('text/event-stream; charset=utf-8').header('x-accel-buffering', 'no').send(body);
}

async function* chunks(
  begin: IteratorResult<ServedEvent, void>,
  events: AsyncGenerator<ServedEvent, void, void>,
  { first, piece, last, usage }: ChunkShapes,
): AsyncGenerator<string, void, void> {
  try {
    if (first !== null) yield sse(first);
    let sent = 0;
    let told = 0;
    for (let next = begin; next.done !== true; next = await events.next()) {
      const event = next.value;
      if (event.type === 'token') {
        sent += event.text.length;
        told += event.logprobs?.length ?? 0;
        // A token may end in the middle of a character.
        if (event.text !== '' || (event.logprobs?.length ?? 0) > 0) yield sse(piece(event.text, event.logprobs));
        continue;
      }
      const { result } = event;
      const rest = result.generated.text.slice(sent);
      const untold = result.generated.logprobs?.slice(told);
      if (rest !== '' || (untold?.length ?? 0) > 0) yield sse(piece(rest, untold));
      yield sse(last(result));
      const counts = usage(result);
      if (counts !== null) yield sse(counts);
      yield END;
    }
  } catch (thrown) {
    yield sse(openAiErrorBody(EdgeVlmError.from(thrown)));
  } finally {
    await events.return();
  }
}
