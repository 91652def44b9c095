import type { LoggedData } from './fit-to-limits.js';
import type { Batch } from './mlflow-client.js';

/** Of one `log-batch` request (https://mlflow.org/docs/latest/rest-api.html#log-batch); the last one is of all three together. */
export const MOST = { metrics: 1000, params: 100, tags: 100, entities: 1000 } as const;
/** A request may have 1 MB; some is left for the run's id and the brackets. */
const MOST_BYTES = 1_000_000 - 2000;

/** How many of each kind the server has. */
export interface Sent {
  readonly params: number;
  readonly tags: number;
  readonly metrics: number;
}

export const NOTHING_SENT: Sent = { params: 0, tags: 0, metrics: 0 };

/** The next batch to send: as much of what is left as one request takes, and where that ends; undefined when nothing is left. */
export function cutBatch(data: LoggedData, sent: Sent): { readonly batch: Batch; readonly end: Sent } | undefined {
  let entities = 0;
  let bytes = 0;
  const take = <T>(items: readonly T[], most: number): T[] => {
    const taken: T[] = [];
    for (const item of items) {
      const size = Buffer.byteLength(JSON.stringify(item)) + 1;
      if (taken.length >= most || entities >= MOST.entities || bytes + size > MOST_BYTES) break;
      taken.push(item);
      entities++;
      bytes += size;
    }
    return taken;
  };
  const params = take(data.params.slice(sent.params), MOST.params);
  const tags = take(data.tags.slice(sent.tags), MOST.tags);
  const metrics = take(data.metrics.slice(sent.metrics, sent.metrics + MOST.metrics), MOST.metrics);
  if (entities === 0) return undefined;
  const end = { params: sent.params + params.length, tags: sent.tags + tags.length, metrics: sent.metrics + metrics.length };
  return { batch: { params, tags, metrics }, end };
}
