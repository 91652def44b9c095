import { randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';

interface FakePoint {
  readonly key: string;
  readonly value: number;
  readonly timestamp: number;
  readonly step: number;
}

interface KeyValue {
  readonly key: string;
  readonly value: string;
}

export interface FakeRun {
  readonly id: string;
  readonly experimentId: string;
  status: string;
  endTime: number | undefined;
  deleted: boolean;
  readonly tags: Map<string, string>;
  readonly params: Map<string, string>;
  /** Appended and never looked at: unlike MLflow's SQL store, most do not notice that a point comes again. */
  readonly points: FakePoint[];
}

/** Refusals as MLflow words them. */
class Refusal extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
  ) {
    super(message);
  }
}

interface Body {
  readonly name: string;
  readonly experiment_id: string;
  readonly run_id: string;
  readonly filter: string;
  readonly status: string;
  readonly end_time: number;
  readonly tags?: readonly KeyValue[];
  readonly params?: readonly KeyValue[];
  readonly metrics?: readonly FakePoint[];
}

/** The part of a tracking server that logging needs, with its limits enforced. */
export class FakeMlflow {
  readonly experiments = new Map<string, { readonly id: string; deleted: boolean }>();
  readonly runs: FakeRun[] = [];
  readonly artifacts = new Map<string, Buffer>();
  /** Of each request, method and path without its query. */
  readonly seen: string[] = [];
  /** Every byte that was sent to it. */
  received = '';
  /** When set, the only `Authorization` that is let in. */
  authorization: string | undefined;
  /** What runs are told to be theirs. */
  artifactRoot = 'mlflow-artifacts:/';

  private constructor(private readonly server: Server) {
    server.on('request', (request: IncomingMessage, response: ServerResponse) => {
      this.#answer(request, response).catch(() => response.destroy());
    });
  }

  static async start(): Promise<FakeMlflow> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return new FakeMlflow(server);
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}/`;
  }

  async close(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '', this.url);
    const body = await buffer(request);
    this.seen.push(`${request.method ?? ''} ${url.pathname}`);
    this.received += `${request.url ?? ''}\n${JSON.stringify(request.headers)}\n${body.toString()}\n`;
    try {
      if (this.authorization !== undefined && request.headers.authorization !== this.authorization)
        throw new Refusal(401, 'UNAUTHENTICATED', 'You are not authenticated.');
      const answer = this.#act(request.method ?? '', url, body);
      response.writeHead(200, { 'content-type': 'application/json' }).end(answer === undefined ? '' : JSON.stringify(answer));
    } catch (thrown) {
      if (!(thrown instanceof Refusal)) throw thrown;
      response.writeHead(thrown.status, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ error_code: thrown.code, message: thrown.message }));
    }
  }

  #act(method: string, url: URL, body: Buffer): object | undefined {
    const artifact = /^\/api\/2\.0\/mlflow-artifacts\/artifacts\/(.+)$/.exec(url.pathname)?.[1];
    if (artifact !== undefined && method === 'PUT') {
      this.artifacts.set(decodeURIComponent(artifact), body);
      return undefined;
    }
    const call = `${method} ${url.pathname.replace('/api/2.0/mlflow/', '')}`;
    if (method === 'GET') return this.#get(call, url.searchParams);
    if (call === 'POST runs/log-batch' && body.length > 1_000_000)
      throw invalid('Batched logging API requests must be at most 1000000 bytes');
    return this.#post(call, JSON.parse(body.toString()) as Body);
  }

  #get(call: string, query: URLSearchParams): object {
    switch (call) {
      case 'GET experiments/get-by-name': {
        const name = query.get('experiment_name') ?? '';
        const found = this.experiments.get(name);
        if (found === undefined) throw new Refusal(404, 'RESOURCE_DOES_NOT_EXIST', `Could not find experiment with name '${name}'`);
        return { experiment: { experiment_id: found.id, name, lifecycle_stage: found.deleted ? 'deleted' : 'active' } };
      }
      case 'GET runs/get':
        return { run: this.#describe(this.#run(query.get('run_id') ?? '')) };
      case 'GET metrics/get-history': {
        const points = this.#run(query.get('run_id') ?? '').points.filter(({ key }) => key === query.get('metric_key'));
        const start = Number(query.get('page_token') ?? 0);
        const end = start + Number(query.get('max_results') ?? points.length);
        return { metrics: points.slice(start, end), ...(end < points.length && { next_page_token: String(end) }) };
      }
      default:
        throw new Refusal(404, 'ENDPOINT_NOT_FOUND', call);
    }
  }

  #post(call: string, body: Body): object {
    switch (call) {
      case 'POST experiments/search':
        return {};
      case 'POST experiments/create': {
        if (this.experiments.has(body.name)) throw new Refusal(400, 'RESOURCE_ALREADY_EXISTS', body.name);
        const id = String(this.experiments.size + 1);
        this.experiments.set(body.name, { id, deleted: false });
        return { experiment_id: id };
      }
      case 'POST experiments/restore':
        for (const experiment of this.experiments.values()) if (experiment.id === body.experiment_id) experiment.deleted = false;
        return {};
      case 'POST runs/search': {
        const [, key = '', value] = /^tags\.`(.+)` = '(.+)'$/.exec(body.filter) ?? [];
        return { runs: this.runs.filter((run) => !run.deleted && run.tags.get(key) === value).map((run) => this.#describe(run)) };
      }
      case 'POST runs/create': {
        const id = randomBytes(16).toString('hex');
        const { experiment_id: experimentId, tags = [] } = body;
        this.runs.push({
          ...{ id, experimentId, status: 'RUNNING', endTime: undefined, deleted: false },
          ...{ tags: new Map(tags.map((tag) => [tag.key, tag.value])), params: new Map<string, string>(), points: [] },
        });
        return { run: this.#describe(this.#run(id)) };
      }
      case 'POST runs/log-batch':
        this.#logBatch(body);
        return {};
      case 'POST runs/update':
        Object.assign(this.#run(body.run_id), { status: body.status, endTime: body.end_time });
        return {};
      case 'POST runs/delete':
        this.#run(body.run_id).deleted = true;
        return {};
      default:
        throw new Refusal(404, 'ENDPOINT_NOT_FOUND', call);
    }
  }

  #logBatch({ run_id, metrics = [], params = [], tags = [] }: Body): void {
    const run = this.#run(run_id);
    if (run.deleted) throw invalid(`The run ${run_id} must be in the 'active' state. Current state is deleted.`);
    if (metrics.length > 1000 || params.length > 100 || tags.length > 100 || metrics.length + params.length + tags.length > 1000)
      throw invalid('A batch logging request can contain at most 1000 metrics, 100 params, 100 tags.');
    for (const { key } of [...metrics, ...params, ...tags])
      if (!/^[/\w.\- ]+$/.test(key) || key.length > 250 || key.includes('//') || key.startsWith('/')) throw invalid(`name ${key}`);
    for (const { key, value } of params) {
      if (value.length > 6000) throw invalid(`Param value ${key}`);
      if ((run.params.get(key) ?? value) !== value) throw invalid(`Changing param values is not allowed: ${key}`);
    }
    for (const { key, value } of params) run.params.set(key, value);
    for (const { key, value } of tags) run.tags.set(key, value);
    run.points.push(...metrics);
  }

  #run(id: string): FakeRun {
    const run = this.runs.find((one) => one.id === id);
    if (run === undefined) throw new Refusal(404, 'RESOURCE_DOES_NOT_EXIST', `Run with id=${id} not found`);
    return run;
  }

  #describe({ id, experimentId, status, deleted, params, points }: FakeRun): object {
    const latest = new Map<string, FakePoint>();
    for (const point of points) if ((latest.get(point.key)?.step ?? -1) <= point.step) latest.set(point.key, point);
    return {
      info: {
        ...{ run_id: id, experiment_id: experimentId, status, lifecycle_stage: deleted ? 'deleted' : 'active' },
        artifact_uri: `${this.artifactRoot}${experimentId}/${id}/artifacts`,
      },
      data: { metrics: [...latest.values()], params: [...params].map(([key, value]) => ({ key, value })) },
    };
  }
}

function invalid(message: string): Refusal {
  return new Refusal(400, 'INVALID_PARAMETER_VALUE', message);
}
