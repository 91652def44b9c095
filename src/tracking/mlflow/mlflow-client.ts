import { type Static, type TSchema, Type } from 'typebox';
import { Value } from 'typebox/value';
import { EdgeVlmError } from '../../core/errors.js';
import { redact } from '../../core/redact.js';
import { httpRequest, type HttpRequest } from './http-request.js';
import { KEY_TAG, type KeyValue, type Metric, type MlflowRun } from './mlflow-run.js';
import type { MlflowSettings } from './mlflow-settings.js';

// int64 in the JSON form of protocol buffers; MLflow itself writes numbers.
const Int64 = Type.Union([Type.Integer(), Type.String({ pattern: '^-?[0-9]+$' })]);
const Pair = Type.Object({ key: Type.String(), value: Type.Optional(Type.String()) });
const Point = Type.Object({ key: Type.String(), timestamp: Int64, step: Type.Optional(Int64) });
const Run = Type.Object({
  info: Type.Object({
    run_id: Type.String({ pattern: '^[A-Za-z0-9][\\w-]*$' }),
    lifecycle_stage: Type.Optional(Type.String()),
    artifact_uri: Type.Optional(Type.String()),
  }),
  data: Type.Optional(
    Type.Object({
      metrics: Type.Optional(Type.Array(Point)),
      params: Type.Optional(Type.Array(Pair)),
    }),
  ),
});
const RunAnswer = Type.Object({ run: Run });
const Experiment = Type.Object({ experiment_id: Type.String(), lifecycle_stage: Type.Optional(Type.String()) });
const ExperimentAnswer = Type.Object({ experiment: Experiment });
const ExperimentsAnswer = Type.Object({ experiments: Type.Optional(Type.Array(Experiment)) });
const NewExperimentAnswer = Type.Object({ experiment_id: Type.String() });
const RunsAnswer = Type.Object({ runs: Type.Optional(Type.Array(Run)) });
const HistoryAnswer = Type.Object({ metrics: Type.Optional(Type.Array(Point)), next_page_token: Type.Optional(Type.String()) });
const ErrorAnswer = Type.Object({ error_code: Type.Optional(Type.String()), message: Type.Optional(Type.String()) });
const Nothing = Type.Unknown();

/** When a point was taken, as far as MLflow knows it. */
export interface PointIdentity {
  readonly key: string;
  readonly step: number;
  readonly timestamp: number;
}

/** A run as the server has it. */
export interface RemoteRun {
  readonly id: string;
  readonly active: boolean;
  readonly artifactUri: string | undefined;
  /** Of each metric the point with the highest step. */
  readonly latest: readonly PointIdentity[];
  readonly params: ReadonlyMap<string, string>;
}

/** What one `log-batch` request takes. */
export interface Batch {
  readonly metrics: readonly Metric[];
  readonly params: readonly KeyValue[];
  readonly tags: readonly KeyValue[];
}

/** Points of one page of a metric's history. */
const HISTORY_PAGE = 10_000;

/**
 * The part of MLflow's REST API 2.0 that logging needs (https://mlflow.org/docs/latest/rest-api.html). Each method is one or two
 * requests and never repeats one. All throw MLFLOW_AWAY when no answer came or the server has trouble of its own, so that trying again
 * later makes sense; MLFLOW_REFUSED when it understood and would not; CANCELLED.
 */
export class MlflowClient {
  constructor(
    private readonly settings: MlflowSettings,
    private readonly signal?: AbortSignal,
  ) {}

  /** Whether the API is there and lets us in; changes nothing. */
  async ping(): Promise<void> {
    await this.#post('experiments/search', { max_results: 1 }, ExperimentsAnswer);
  }

  /** Finds an experiment by its name, restores it where it was deleted, makes it where there is none. */
  async experimentId(name: string): Promise<string> {
    const found = await this.#findExperiment(name);
    if (found !== undefined) return found;
    const created = await this.#post('experiments/create', { name }, NewExperimentAnswer, 'RESOURCE_ALREADY_EXISTS');
    if (created !== undefined) return created.experiment_id;
    // Somebody else was faster.
    const id = await this.#findExperiment(name);
    if (id === undefined)
      throw new EdgeVlmError('MLFLOW_REFUSED', `experiment ${name} is there and is not, says ${this.settings.server.host}`);
    return id;
  }

  async #findExperiment(name: string): Promise<string | undefined> {
    const answer = await this.#get('experiments/get-by-name', { experiment_name: name }, ExperimentAnswer, 'RESOURCE_DOES_NOT_EXIST');
    if (answer === undefined) return undefined;
    const { experiment_id, lifecycle_stage } = answer.experiment;
    if (lifecycle_stage === 'deleted') await this.#post('experiments/restore', { experiment_id }, Nothing);
    return experiment_id;
  }

  /** The runs that carry a key, the one to go on with first; more than one only if a creation was taken for lost and was not. */
  async findRuns(experimentId: string, key: string): Promise<RemoteRun[]> {
    const filter = `tags.\`${KEY_TAG}\` = '${key}'`;
    const request = { experiment_ids: [experimentId], filter, max_results: 100, run_view_type: 'ACTIVE_ONLY' };
    const { runs = [] } = await this.#post('runs/search', request, RunsAnswer);
    return runs.map(remoteRun).sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  async createRun(
    experimentId: string,
    { key, name, startTime }: Pick<MlflowRun, 'key' | 'name' | 'startTime'>,
    tags: KeyValue[],
  ): Promise<RemoteRun> {
    const request = { experiment_id: experimentId, run_name: name, start_time: startTime, tags: [{ key: KEY_TAG, value: key }, ...tags] };
    return remoteRun((await this.#post('runs/create', request, RunAnswer)).run);
  }

  /** @returns undefined when the server does not know it any more */
  async getRun(id: string): Promise<RemoteRun | undefined> {
    const answer = await this.#get('runs/get', { run_id: id }, RunAnswer, 'RESOURCE_DOES_NOT_EXIST');
    return answer && remoteRun(answer.run);
  }

  /** Every point of one metric. */
  async history(runId: string, key: string): Promise<PointIdentity[]> {
    const points: PointIdentity[] = [];
    for (let token: string | undefined = ''; token !== undefined;) {
      const query: Record<string, string> = { run_id: runId, metric_key: key, max_results: String(HISTORY_PAGE) };
      if (token !== '') query['page_token'] = token;
      const page: Static<typeof HistoryAnswer> = await this.#get('metrics/get-history', query, HistoryAnswer);
      const found = (page.metrics ?? []).map(identity);
      points.push(...found);
      // A server that gives no points and another token would be asked for ever.
      token = found.length > 0 && page.next_page_token !== '' ? page.next_page_token : undefined;
    }
    return points;
  }

  /** @param batch within MLflow's limits; see cut-batch.ts */
  async logBatch(runId: string, batch: Batch): Promise<void> {
    await this.#post('runs/log-batch', { run_id: runId, ...batch }, Nothing);
  }

  async updateRun(runId: string, { status, endTime }: Pick<MlflowRun, 'status' | 'endTime'>): Promise<void> {
    await this.#post('runs/update', { run_id: runId, status, end_time: endTime }, Nothing);
  }

  /** MLflow keeps what is deleted until its garbage is collected. */
  async deleteRun(runId: string): Promise<void> {
    await this.#post('runs/delete', { run_id: runId }, Nothing, 'RESOURCE_DOES_NOT_EXIST');
  }

  /** Writes a file of a run through the server; one that is there is replaced. @param root where it takes files, see `artifactRoot` */
  async putArtifact(root: URL, path: string, content: Buffer): Promise<void> {
    const url = new URL(root);
    url.pathname = `${root.pathname.replace(/\/$/, '')}/${path.split('/').map(encodeURIComponent).join('/')}`;
    await this.#exchange({ method: 'PUT', url, body: content, contentType: 'application/octet-stream' }, Nothing);
  }

  /**
   * Where files of a run are PUT, or undefined where the server does not pass them on: `--no-serve-artifacts`, or an artifact root
   * such as `s3://…` of its own, which takes other credentials than ours. Other hosts get nothing from us either.
   */
  artifactRoot({ artifactUri }: RemoteRun): URL | undefined {
    const { server } = this.settings;
    if (artifactUri === undefined || !URL.canParse(artifactUri)) return undefined;
    const uri = new URL(artifactUri);
    const service = new URL('api/2.0/mlflow-artifacts/artifacts', server);
    if (uri.protocol === 'mlflow-artifacts:') {
      if (uri.host !== '' && uri.host !== server.host) return undefined;
      service.pathname += uri.pathname.startsWith('/') ? uri.pathname : `/${uri.pathname}`;
      return service;
    }
    return uri.origin === server.origin && uri.pathname.startsWith(`${service.pathname}/`) ? uri : undefined;
  }

  #get<T extends TSchema>(path: string, query: Record<string, string>, answer: T): Promise<Static<T>>;
  #get<T extends TSchema>(path: string, query: Record<string, string>, answer: T, unless: string): Promise<Static<T> | undefined>;
  #get<T extends TSchema>(path: string, query: Record<string, string>, answer: T, unless?: string): Promise<Static<T> | undefined> {
    const url = this.#url(path);
    url.search = new URLSearchParams(query).toString();
    return this.#exchange({ method: 'GET', url }, answer, unless);
  }

  #post<T extends TSchema>(path: string, request: object, answer: T): Promise<Static<T>>;
  #post<T extends TSchema>(path: string, request: object, answer: T, unless: string): Promise<Static<T> | undefined>;
  #post<T extends TSchema>(path: string, request: object, answer: T, unless?: string): Promise<Static<T> | undefined> {
    return this.#exchange({ method: 'POST', url: this.#url(path), body: Buffer.from(JSON.stringify(request)) }, answer, unless);
  }

  #url(path: string): URL {
    return new URL(`api/2.0/mlflow/${path}`, this.settings.server);
  }

  /** @param unless an error code of MLflow that is an answer, too: undefined */
  async #exchange<T extends TSchema>(request: HttpRequest, answer: T, unless?: string): Promise<Static<T> | undefined> {
    const { status, body } = await httpRequest(this.settings, { ...request, signal: this.signal });
    const said = parseJson(body);
    if (status >= 200 && status < 300) {
      if (Value.Check(answer, said)) return said;
      throw new EdgeVlmError('MLFLOW_REFUSED', `${request.url.host} answers ${request.url.pathname} as no MLflow server does`, {
        hint: NO_SERVER,
      });
    }
    const error = Value.Check(ErrorAnswer, said) ? said : undefined;
    if (unless !== undefined && error?.error_code === unless) return undefined;
    throw refusal(request.url, status, error);
  }
}

const NO_SERVER = 'Check MLFLOW_TRACKING_URI: it must be the address of an MLflow tracking server, without /api or /#/.';

function refusal({ host, pathname }: URL, status: number, error: Static<typeof ErrorAnswer> | undefined): EdgeVlmError {
  const words = [error?.error_code, error?.message && redact(error.message).replace(/\s+/g, ' ').slice(0, 300)].filter(Boolean).join(': ');
  const message = `${host} answers ${pathname} with ${status}${words && `: ${words}`}`;
  if (status === 408 || status === 429 || status >= 500) return new EdgeVlmError('MLFLOW_AWAY', message);
  if (status === 401 || status === 403) {
    const hint = 'Set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN, then run `edgevlm mlflow sync`.';
    return new EdgeVlmError('MLFLOW_REFUSED', message, { hint });
  }
  // A proxy's login page, another program, the wrong path.
  return new EdgeVlmError('MLFLOW_REFUSED', message, error?.error_code === undefined ? { hint: NO_SERVER } : {});
}

/** MLflow answers a PUT with nothing. */
function parseJson(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'));
  } catch {
    return undefined;
  }
}

function remoteRun({ info, data }: Static<typeof Run>): RemoteRun {
  return {
    id: info.run_id,
    active: info.lifecycle_stage !== 'deleted',
    artifactUri: info.artifact_uri,
    latest: (data?.metrics ?? []).map(identity),
    params: new Map((data?.params ?? []).map(({ key, value }) => [key, value ?? ''])),
  };
}

function identity({ key, timestamp, step }: Static<typeof Point>): PointIdentity {
  return { key, timestamp: Number(timestamp), step: Number(step ?? 0) };
}
