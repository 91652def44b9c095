import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text as readText } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Static, Type } from 'typebox';
import { Value } from 'typebox/value';

/** The fields that matter here; as servers do, it takes others, too. */
const CompletionRequest = Type.Object({
  prompt: Type.String(),
  max_tokens: Type.Integer({ minimum: 1 }),
  temperature: Type.Number(),
  stream: Type.Literal(true),
  model: Type.Optional(Type.String()),
  cache_prompt: Type.Optional(Type.Boolean()),
});
type CompletionRequest = Static<typeof CompletionRequest>;

/** Words, of which the second is not ASCII. */
const ANSWER = [' Ein', ' süßer', ' Apfel', ' fällt', ' weit', ' vom', ' Stamm'];

/**
 * A server with `/v1/completions`, streaming as llama-server does (recorded from release b1-80fb11a): server-sent events with one choice,
 * then one with usage and timings, then `[DONE]`. A token is a word.
 */
export class FakeCompletions {
  /** Requests that were let in. */
  readonly requests: CompletionRequest[] = [];
  /** The only `model` that there is; others are refused. Absent: `model` does not matter. */
  model: string | undefined;
  /** The only key that is let in. */
  key: string | undefined;
  /** How long prompts take. */
  prompt_ms = 5;
  /** How much longer they take according to its timings; undefined: it is no llama-server, and tells neither timings nor what was cached. */
  exaggeration_ms: number | undefined = 0;
  /** Uses its cache although it was asked not to. */
  isStubborn = false;
  /** Events without text before the first with some: tokens that end in the middle of a character. */
  emptyEvents = 0;
  /** Ends the connection in the middle of the answer to prompts like this. */
  breaksOn: RegExp | undefined;
  #previous: string[] = [];

  private constructor(private readonly server: Server) {
    server.on('request', (request: IncomingMessage, response: ServerResponse) => {
      response.on('error', () => undefined);
      this.#answer(request, response).catch(() => response.destroy());
    });
  }

  static async start(): Promise<FakeCompletions> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return new FakeCompletions(server);
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = '', url = '', headers } = request;
    const body = await readText(request);
    if (this.key !== undefined && headers.authorization !== `Bearer ${this.key}`) {
      refuse(response, 401, { message: 'Invalid API Key', type: 'authentication_error', code: 401 });
    } else if (`${method} ${url}` === 'GET /v1/models') {
      const data = [{ id: this.model ?? 'fake', object: 'model', owned_by: this.exaggeration_ms === undefined ? 'nobody' : 'llamacpp' }];
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ object: 'list', data }));
    } else if (`${method} ${url}` !== 'POST /v1/completions') {
      refuse(response, 404, { message: 'File Not Found', type: 'not_found_error', code: 404 });
    } else {
      await this.#complete(JSON.parse(body), response);
    }
  }

  async #complete(asked: unknown, response: ServerResponse): Promise<void> {
    if (!Value.Check(CompletionRequest, asked)) {
      refuse(response, 400, { message: 'the request is not as expected', type: 'invalid_request_error', code: 400 });
      return;
    }
    if (this.model !== undefined && asked.model !== undefined && asked.model !== this.model) {
      refuse(response, 404, { message: `The model \`${asked.model}\` does not exist.`, type: 'NotFoundError', code: 404 });
      return;
    }
    this.requests.push(asked);
    const words = asked.prompt.split(/\s+/);
    const cached = asked.cache_prompt === false && !this.isStubborn ? 0 : commonWords(words, this.#previous);
    this.#previous = words;
    const began = performance.now();
    await sleep(this.prompt_ms);
    const prompt_ms = performance.now() - began;

    response.writeHead(200, { 'content-type': 'text/event-stream' });
    const send = (data: object): boolean => response.write(`data: ${JSON.stringify(data)}\n\n`);
    const chunk = (text: string, finish_reason: string | null): object => ({
      choices: [{ text, index: 0, logprobs: null, finish_reason }],
      created: 1,
      model: this.model ?? 'fake',
      object: 'text_completion',
      id: 'chatcmpl-fake',
    });
    for (let i = 0; i < this.emptyEvents; i++) send(chunk('', null));
    // What comes without text must not be taken for the first token.
    if (this.emptyEvents > 0) await sleep(this.prompt_ms);
    const answer = ANSWER.slice(0, asked.max_tokens);
    for (const text of answer) {
      send(chunk(text, null));
      await sleep(1);
      if (this.breaksOn?.test(asked.prompt) === true) {
        response.destroy();
        return;
      }
    }
    const isTelling = this.exaggeration_ms !== undefined;
    send({
      ...chunk('', answer.length < ANSWER.length ? 'length' : 'stop'),
      usage: {
        completion_tokens: answer.length,
        prompt_tokens: words.length,
        total_tokens: words.length + answer.length,
        ...(isTelling && { prompt_tokens_details: { cached_tokens: cached } }),
      },
      ...(isTelling && {
        timings: {
          cache_n: cached,
          prompt_n: words.length - cached,
          prompt_ms: prompt_ms + (this.exaggeration_ms ?? 0),
          predicted_n: answer.length,
          predicted_ms: answer.length,
        },
      }),
    });
    response.end('data: [DONE]\n\n');
  }
}

/** llama-server computes the last token of a prompt again. */
function commonWords(words: readonly string[], previous: readonly string[]): number {
  const first = words.findIndex((word, index) => word !== previous[index]);
  return first === -1 ? words.length - 1 : first;
}

function refuse(response: ServerResponse, status: number, error: object): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify({ error }));
}
