import { cutBatch, NOTHING_SENT } from './cut-batch.js';
import type { Batch, MlflowClient, PointIdentity, RemoteRun } from './mlflow-client.js';
import type { MlflowRun } from './mlflow-run.js';
import type { SendProgress, Spool } from './spool.js';

/** Where a run has come to be. */
export interface SentRun {
  readonly key: string;
  readonly experimentId: string;
  readonly runId: string;
  /** What the reader of the run should know. */
  readonly warnings: readonly string[];
}

/**
 * Sends a run of the spool, or what is left to send of it, and removes it. Safe to stop at any point and to call again: the run is
 * looked for by its key before it is made; parts that the server confirmed are remembered; and the points of a request whose answer was
 * not seen are looked for before they are sent again, since MLflow appends metrics.
 * @throws EdgeVlmError what `MlflowClient` throws; FILE_UNWRITABLE
 */
export async function sendRun(run: MlflowRun, client: MlflowClient, spool: Spool, server: string): Promise<SentRun> {
  const sending = new Sending(run, client, spool, await spool.progress(run.key, server));
  return sending.send();
}

class Sending {
  readonly #warnings: string[] = [];
  /** Points that the server had before. */
  readonly #there = new Set<string>();
  /** Metrics all of whose points are in there. */
  readonly #known = new Set<string>();

  constructor(
    private readonly run: MlflowRun,
    private readonly client: MlflowClient,
    private readonly spool: Spool,
    private progress: SendProgress,
  ) {}

  async send(): Promise<SentRun> {
    const { run, client } = this;
    const { remote, experimentId } = (await this.#knownRun()) ?? (await this.#findOrCreate());
    await this.#sendData(remote);
    await this.#sendArtifacts(remote);
    if (this.progress.creations > 1) await this.#deleteTwins(experimentId, remote);
    await client.updateRun(remote.id, run);
    await this.spool.remove(run.key);
    return {
      key: run.key,
      experimentId,
      runId: remote.id,
      warnings: [...run.changes.map((change) => `MLflow's limits: ${change}`), ...this.#warnings],
    };
  }

  /** The run of which an earlier attempt knew. */
  async #knownRun(): Promise<{ remote: RemoteRun; experimentId: string } | undefined> {
    const { server, experimentId, runId } = this.progress;
    if (experimentId === undefined || runId === undefined) return undefined;
    const remote = await this.client.getRun(runId);
    if (remote?.active === true) return { remote, experimentId };
    this.#warnings.push(`run ${runId} was deleted on the server while it was being sent; it is made anew`);
    await this.#save({ server, creations: 0, found: false, sent: NOTHING_SENT, artifacts: [] });
    return undefined;
  }

  async #findOrCreate(): Promise<{ remote: RemoteRun; experimentId: string }> {
    const { client, run } = this;
    const experimentId = await client.experimentId(run.experiment);
    const [found, ...twins] = await client.findRuns(experimentId, run.key);
    if (found !== undefined) {
      const creations = Math.max(this.progress.creations, 1 + twins.length);
      await this.#save({ ...this.progress, creations, experimentId, runId: found.id, found: true });
      return { remote: found, experimentId };
    }
    const parentId = run.parent === null ? undefined : await this.#parentId(experimentId, run.parent);
    await this.#save({ ...this.progress, creations: this.progress.creations + 1 });
    const remote = await client.createRun(
      experimentId,
      run,
      parentId === undefined ? [] : [{ key: 'mlflow.parentRunId', value: parentId }],
    );
    await this.#save({ ...this.progress, experimentId, runId: remote.id });
    return { remote, experimentId };
  }

  async #parentId(experimentId: string, { key, name }: NonNullable<MlflowRun['parent']>): Promise<string> {
    const [found] = await this.client.findRuns(experimentId, key);
    return (found ?? (await this.client.createRun(experimentId, { key, name, startTime: this.run.startTime }, []))).id;
  }

  async #sendData(remote: RemoteRun): Promise<void> {
    // What was confirmed is past; of the request after that nobody knows, and where a run was found, of none.
    let uncertain = this.progress.found || remote.latest.length > 0 || remote.params.size > 0;
    for (let next = cutBatch(this.run, this.progress.sent); next !== undefined; next = cutBatch(this.run, this.progress.sent)) {
      const batch = uncertain ? await this.#missing(next.batch, remote) : next.batch;
      uncertain = this.progress.found;
      if (batch.metrics.length + batch.params.length + batch.tags.length > 0) await this.client.logBatch(remote.id, batch);
      await this.#save({ ...this.progress, sent: next.end });
    }
  }

  /** A batch without the points and params that the server has. */
  async #missing({ metrics, params, tags }: Batch, remote: RemoteRun): Promise<Batch> {
    const there = this.#there;
    for (const point of remote.latest) there.add(name(point));
    for (const { key } of remote.latest) {
      // The latest point is known; only of metrics with several have we to ask for the rest.
      if (this.#known.has(key) || metrics.every((point) => point.key !== key || there.has(name(point)))) continue;
      this.#known.add(key);
      for (const point of await this.client.history(remote.id, key)) there.add(name(point));
    }
    const other = params.filter(({ key, value }) => remote.params.has(key) && remote.params.get(key) !== value);
    for (const { key } of other) this.#warnings.push(`${key} keeps the value it has on the server: MLflow does not let params change`);
    return {
      metrics: metrics.filter((point) => !there.has(name(point))),
      params: params.filter(({ key }) => !remote.params.has(key)),
      tags,
    };
  }

  async #sendArtifacts(remote: RemoteRun): Promise<void> {
    const root = this.client.artifactRoot(remote);
    for (const { path, text } of this.run.artifacts) {
      if (this.progress.artifacts.includes(path)) continue;
      if (root === undefined) {
        const where = remote.artifactUri?.replace(/\/\/[^/@]*@/, '//***@') ?? 'unknown';
        const warning = `${path} is not sent: the server does not take files itself, its artifact root is ${where}`;
        this.#warnings.push(`${warning}; start it with --serve-artifacts. The file is the record, which stays in the run store`);
        await this.client.logBatch(remote.id, {
          metrics: [],
          params: [],
          tags: [{ key: 'edgevlm.artifacts', value: warning.slice(0, 1000) }],
        });
        continue;
      }
      await this.client.putArtifact(root, path, Buffer.from(text));
      await this.#save({ ...this.progress, artifacts: [...this.progress.artifacts, path] });
    }
  }

  /** A creation that was taken for lost and came through late made a second run, with nothing in it. */
  async #deleteTwins(experimentId: string, { id }: RemoteRun): Promise<void> {
    for (const twin of await this.client.findRuns(experimentId, this.run.key)) if (twin.id !== id) await this.client.deleteRun(twin.id);
  }

  async #save(progress: SendProgress): Promise<void> {
    this.progress = progress;
    await this.spool.saveProgress(this.run.key, progress);
  }
}

function name({ key, step, timestamp }: PointIdentity): string {
  return `${step} ${timestamp} ${key}`;
}
