import http, { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';

/**
 * What goes wrong with a request: `lost` never reaches the server, `unanswered` does and its answer never comes back, `error` is
 * answered by 503 in its place, `silent` is not answered at all.
 */
export type Fault = 'none' | 'lost' | 'unanswered' | 'error' | 'silent';

/** Stands between a client and a server and breaks chosen requests. */
export class FaultProxy {
  /** Requests so far. */
  count = 0;
  /** @param index from 0 */
  fault: (index: number) => Fault | Promise<Fault> = () => 'none';
  /** Called when the server has answered and the client has not heard of it. */
  afterAnswer: (index: number) => void | Promise<void> = () => undefined;

  private constructor(
    private readonly server: Server,
    private readonly target: string,
  ) {
    server.on('request', (request: IncomingMessage, response: ServerResponse) => {
      this.#pass(request, response).catch(() => response.destroy());
    });
  }

  static async start(target: string): Promise<FaultProxy> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return new FaultProxy(server, target);
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}/`;
  }

  async close(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  async #pass(request: IncomingMessage, response: ServerResponse): Promise<void> {
    response.on('error', () => undefined);
    const index = this.count++;
    const body = await buffer(request);
    const fault = await this.fault(index);
    if (fault === 'silent') return;
    if (fault === 'error') {
      response.writeHead(503).end('try again later');
      return;
    }
    if (fault === 'lost') {
      response.destroy();
      return;
    }
    const answer = await this.#forward(request, body);
    await this.afterAnswer(index);
    if (fault === 'unanswered') response.destroy();
    else response.writeHead(answer.status, { 'content-type': answer.type }).end(answer.body);
  }

  async #forward({ method, url, headers }: IncomingMessage, body: Buffer): Promise<{ status: number; type: string; body: Buffer }> {
    const target = new URL(url ?? '', this.target);
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      const forwarded = http.request(target, { method, headers: { ...headers, host: target.host }, agent: false }, resolve);
      forwarded.on('error', reject);
      forwarded.end(body);
    });
    return { status: response.statusCode ?? 502, type: response.headers['content-type'] ?? '', body: await buffer(response) };
  }
}
