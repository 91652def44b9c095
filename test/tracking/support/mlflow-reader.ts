import { expect } from 'vitest';
import type { MlflowRun } from '../../../src/tracking/mlflow/mlflow-run.js';

/** A run as the server tells it. */
export interface RemoteRun {
  readonly info: { readonly run_id: string; readonly experiment_id: string; readonly status: string };
  readonly data: Readonly<Partial<Record<'params' | 'tags', readonly { key: string; value: string }[]>>> & {
    readonly metrics?: readonly { key: string }[];
  };
}

/** Reads what a tracking server has, through its REST API. */
export class MlflowReader {
  constructor(
    private readonly url: string,
    private readonly experiment: string,
  ) {}

  async ask<T>(path: string, body?: object): Promise<T> {
    const json = { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
    const response = await fetch(`${this.url}api/2.0/${path}`, body === undefined ? {} : json);
    expect(response.status).toBe(200);
    return (await response.json()) as T;
  }

  /** Of the experiment, those with a key of ours; all where none is given. */
  async runs(key?: string): Promise<readonly RemoteRun[]> {
    const { experiment: found } = await this.ask<{ experiment: { experiment_id: string } }>(
      `mlflow/experiments/get-by-name?experiment_name=${this.experiment}`,
    );
    const filter = key === undefined ? '' : `tags.\`edgevlm.run\` = '${key}'`;
    const query = { experiment_ids: [found.experiment_id], filter, run_view_type: 'ALL' };
    return (await this.ask<{ runs?: readonly RemoteRun[] }>('mlflow/runs/search', query)).runs ?? [];
  }

  /** Reads everything of a run: it is what was to be sent, once, every point counted. */
  async expectComplete(run: MlflowRun): Promise<RemoteRun> {
    const [remote, ...more] = await this.runs(run.key);
    if (remote === undefined) throw new Error(`${run.key} is not on the server`);
    expect(more).toEqual([]);
    const { info, data } = remote;
    expect(info.status).toBe(run.status);
    const points: string[] = [];
    for (const { key } of data.metrics ?? []) {
      const query = new URLSearchParams({ run_id: info.run_id, metric_key: key }).toString();
      const { metrics } = await this.ask<{ metrics: MlflowRun['metrics'] }>(`mlflow/metrics/get-history?${query}`);
      points.push(...metrics.map(identity));
    }
    expect(points.sort()).toEqual(run.metrics.map(identity).sort());
    expect(pairs(data.params)).toEqual(pairs(run.params));
    expect(pairs(data.tags)).toMatchObject(pairs(run.tags));
    for (const { path, text } of run.artifacts) {
      const stored = await fetch(`${this.url}api/2.0/mlflow-artifacts/artifacts/${info.experiment_id}/${info.run_id}/artifacts/${path}`);
      expect(await stored.text()).toBe(text);
    }
    return remote;
  }
}

function identity({ key, step, timestamp, value }: MlflowRun['metrics'][number]): string {
  return `${key} ${step} ${timestamp} ${value}`;
}

function pairs(list: readonly { key: string; value: string }[] = []): Record<string, string> {
  return Object.fromEntries(list.map(({ key, value }) => [key, value]));
}
