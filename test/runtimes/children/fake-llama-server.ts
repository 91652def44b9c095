import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import sharp from 'sharp';

/**
 * What llama-server does over HTTP, as far as a client can tell: it is loading at first, wants its key, answers one request at a time,
 * streams a piece for each token and ends with its account. Prompts that are orders make it fail in the ways that servers fail.
 */
const argument = (name: string): string | undefined =>
  process.argv.includes(name) ? process.argv[process.argv.indexOf(name) + 1] : undefined;
const key = process.env['LLAMA_API_KEY'] ?? '';
const LOADING_MS = 200;
const WORDS = ['a ', 'small ', 'grün', 'es ', '🙂', 'dot '];

interface Request {
  readonly prompt?: string;
  readonly messages?: readonly {
    readonly content: string | readonly { readonly text?: string; readonly image_url?: { readonly url: string } }[];
  }[];
  readonly max_tokens: number;
}

if (process.argv.includes('--version')) {
  process.stderr.write('version: 9.9.9 (build 1, commit fade)\nbuilt for a test\n');
  process.exit(0);
}
if (argument('-c') === '7') {
  process.stderr.write('0.00.1 E ggml_aligned_malloc: failed to allocate 123456789 bytes\n');
  process.exit(1);
}

const ready = performance.now() + LOADING_MS;
let turn: Promise<unknown> = Promise.resolve();

const server = createServer((request, response) => {
  const say = (status: number, body: object): void => {
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  };
  const refuse = (status: number, message: string): void => {
    say(status, { error: { code: status, message, type: 'a_type' } });
  };
  if (performance.now() < ready) refuse(503, 'Loading model');
  else if (request.url === '/v1/health') say(200, { status: 'ok' });
  else if (key !== '' && request.headers.authorization !== `Bearer ${key}`) refuse(401, 'Invalid API Key');
  else if (request.url === '/v1/models') {
    const meta = { n_vocab: 6, n_ctx: 512, n_params: 42, size: 84, ftype: 'all F32' };
    say(200, { object: 'list', data: [{ id: 'fake.gguf', object: 'model', owned_by: 'llamacpp', meta }] });
  } else if (request.url === '/v1/completions' || request.url === '/v1/chat/completions') {
    turn = turn.then(() => answer(request, response, refuse)).catch(() => response.destroy());
  } else refuse(404, 'File Not Found');
});
server.listen(Number(argument('--port') ?? 0), '127.0.0.1', () => {
  const address = server.address();
  console.log(`http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`);
});

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  refuse: (status: number, message: string) => void,
): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
  const asked = JSON.parse(Buffer.concat(chunks).toString()) as Request;
  const parts = (asked.messages ?? []).flatMap(({ content }) => (typeof content === 'string' ? [{ text: content }] : content));
  const text = asked.prompt ?? parts.map((part) => part.text ?? '').join('');
  for (const part of parts) {
    const url = 'image_url' in part ? part.image_url.url : undefined;
    if (url === undefined) continue;
    const picture = Buffer.from(url.slice(url.indexOf(',') + 1), 'base64');
    const whole = await sharp(picture, { failOn: 'error' })
      .raw()
      .toBuffer()
      .then(
        () => true,
        () => false,
      );
    if (!whole) {
      refuse(400, 'Failed to load image or audio file');
      return;
    }
  }
  if (text === 'too long') {
    const error = { code: 400, message: 'request (600 tokens) exceeds the available context size', type: 'exceed_context_size_error' };
    response.writeHead(400).end(JSON.stringify({ error }));
    return;
  }
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  const send = (event: object): Promise<void> =>
    new Promise((resolve) => {
      response.write(`data: ${JSON.stringify(event)}\n\n`, () => {
        setTimeout(resolve, 1);
      });
    });
  const choice = (piece: string, finish_reason: string | null = null): object => {
    const said = asked.prompt === undefined ? { delta: piece === '' ? {} : { content: piece } } : { text: piece };
    return { choices: [{ index: 0, finish_reason, ...said }], object: 'chunk' };
  };
  for (let count = 0; count < asked.max_tokens; count++) {
    if (response.destroyed) return;
    if (count === 1 && text === 'die') process.kill(process.pid, 'SIGKILL');
    if (count === 1 && text === 'break off') {
      response.destroy();
      return;
    }
    if (count === 1 && text === 'fail') {
      await send({ error: { code: 500, message: 'Compute error.', type: 'server_error' } });
      response.end();
      return;
    }
    await send(choice(WORDS[count % WORDS.length] ?? ''));
  }
  const [prompt_n, predicted_n] = [text.split(' ').length, asked.max_tokens];
  const timings = { cache_n: 0, prompt_n, prompt_ms: 1.5, predicted_n, predicted_ms: 2.5, note: 'not a number' };
  const usage = { prompt_tokens: prompt_n, completion_tokens: predicted_n, total_tokens: prompt_n + predicted_n };
  await send(choice('', 'length'));
  await send({ choices: [], usage: { ...usage, prompt_tokens_details: { cached_tokens: 0 } }, timings });
  response.end('data: [DONE]\n\n');
}
