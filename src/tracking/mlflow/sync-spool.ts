import { setTimeout as sleep } from 'node:timers/promises';
import { EdgeVlmError } from '../../core/errors.js';
import { MlflowClient } from './mlflow-client.js';
import type { MlflowRun } from './mlflow-run.js';
import type { MlflowSettings } from './mlflow-settings.js';
import { sendRun, type SentRun } from './send-run.js';
import type { Spool } from './spool.js';

export interface SyncOptions {
  /** Of which runs; default: all that wait for this server. */
  readonly keys?: readonly string[];
  /** Whether what was meant for another server goes to this one, too. Default false. */
  readonly anyServer?: boolean;
  /** How often a server that does not answer is tried again before the rest is left for later. Default 2. */
  readonly retries?: number;
  /** Wait before the first retry, milliseconds; it doubles, up to 16 times itself. Default 500. */
  readonly backoff_ms?: number;
  readonly signal?: AbortSignal;
  readonly onSent?: (run: SentRun) => void;
}

/** What became of the runs that waited. */
export interface SyncReport {
  readonly sent: readonly SentRun[];
  /** Still here, and why. */
  readonly failed: readonly { readonly key: string; readonly error: EdgeVlmError }[];
  /** Meant for other servers, so not for this one. */
  readonly others: readonly { readonly key: string; readonly server: string }[];
}

/**
 * Sends what waits in the spool. One run that the server refuses does not stop the others; a server that is away, or Ctrl-C, does.
 * @throws EdgeVlmError MLFLOW_BUSY, FILE_UNREADABLE, FILE_UNWRITABLE: of the spool as a whole
 */
export function syncSpool(spool: Spool, settings: MlflowSettings, options: SyncOptions = {}): Promise<SyncReport> {
  return spool.locked(async () => {
    const server = settings.server.href;
    const sent: SentRun[] = [];
    const failed: { key: string; error: EdgeVlmError }[] = [];
    const others: { key: string; server: string }[] = [];
    let stop: EdgeVlmError | undefined;
    for (const key of await spool.keys()) {
      if (options.keys !== undefined && !options.keys.includes(key)) continue;
      try {
        const run = await spool.load(key);
        if (run.server !== server && options.anyServer !== true) {
          others.push({ key, server: run.server });
          continue;
        }
        if (stop !== undefined) throw stop;
        const done = await sendWithRetries(run, spool, settings, options);
        sent.push(done);
        options.onSent?.(done);
      } catch (thrown) {
        const error = EdgeVlmError.from(thrown);
        failed.push({ key, error });
        if (error.code === 'MLFLOW_AWAY' || error.code === 'CANCELLED') stop = error;
        await noteFailure(spool, key, server, error);
      }
    }
    return { sent, failed, others };
  });
}

async function sendWithRetries(run: MlflowRun, spool: Spool, settings: MlflowSettings, options: SyncOptions): Promise<SentRun> {
  const { retries = 2, backoff_ms = 500, signal } = options;
  const client = new MlflowClient(settings, signal);
  for (let attempt = 0; ; attempt++) {
    try {
      if (signal?.aborted === true) throw new EdgeVlmError('CANCELLED', 'sending to MLflow was stopped');
      return await sendRun(run, client, spool, settings.server.href);
    } catch (thrown) {
      const error = EdgeVlmError.from(thrown);
      if (error.code !== 'MLFLOW_AWAY' || attempt >= retries) throw error;
      // The next round sees that it was stopped.
      await sleep(backoff_ms * 2 ** Math.min(attempt, 4), undefined, { signal }).catch(() => undefined);
    }
  }
}

/** For `edgevlm mlflow status`. */
async function noteFailure(spool: Spool, key: string, server: string, { code, message }: EdgeVlmError): Promise<void> {
  const progress = await spool.progress(key, server);
  await spool.saveProgress(key, { ...progress, failure: { code, message } });
}
