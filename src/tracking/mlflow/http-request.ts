import http from 'node:http';
import https from 'node:https';
import { EdgeVlmError } from '../../core/errors.js';
import type { MlflowSettings } from './mlflow-settings.js';

export interface HttpRequest {
  readonly method: 'GET' | 'POST' | 'PUT';
  readonly url: URL;
  readonly body?: Buffer;
  readonly contentType?: string;
  readonly signal?: AbortSignal | undefined;
}

export interface HttpResponse {
  readonly status: number;
  readonly body: Buffer;
}

/** The longest answer taken, bytes: the history of a metric with a million points is some 100 MB, and no benchmark of ours has them. */
const LONGEST_ANSWER = 128 * 1024 * 1024;
/** What OpenSSL and Node call a certificate they do not trust. */
const TLS_TROUBLE = /CERT|^ERR_TLS|^ERR_SSL|^EPROTO/;

/**
 * One exchange with the tracking server. `node:http` rather than `fetch`, which cannot be told what certificates to trust. Redirects
 * are not followed: credentials and results go to the server that was named.
 * @throws EdgeVlmError MLFLOW_AWAY where no answer came, whether or not the server acted; MLFLOW_REFUSED for its certificate; CANCELLED
 */
export function httpRequest(settings: MlflowSettings, { method, url, body, contentType, signal }: HttpRequest): Promise<HttpResponse> {
  const { authorization, ca, insecureTls, timeout_ms } = settings;
  return new Promise((resolve, reject) => {
    const fail = (cause: unknown): void => {
      reject(signal?.aborted === true ? new EdgeVlmError('CANCELLED', 'sending to MLflow was stopped', { cause }) : failureOf(cause, url));
    };
    const options: https.RequestOptions = {
      method,
      headers: {
        'user-agent': 'edgevlm',
        accept: 'application/json',
        ...(authorization !== undefined && { authorization }),
        ...(body !== undefined && { 'content-length': body.length, 'content-type': contentType ?? 'application/json' }),
      },
      ...(ca !== undefined && { ca }),
      ...(signal !== undefined && { signal }),
      rejectUnauthorized: !insecureTls,
    };
    const request = (url.protocol === 'https:' ? https : http).request(url, options, (response) => {
      const chunks: Buffer[] = [];
      let bytes = 0;
      response.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
        if (bytes > LONGEST_ANSWER) request.destroy(new Error(`the answer is longer than ${LONGEST_ANSWER} bytes`));
        else chunks.push(chunk);
      });
      response.on('error', fail);
      response.on('end', () => {
        resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks) });
      });
    });
    request.setTimeout(timeout_ms, () => request.destroy(new Error(`nothing came for ${timeout_ms / 1000} s`)));
    request.on('error', fail);
    request.end(body);
  });
}

function failureOf(cause: unknown, { host }: URL): EdgeVlmError {
  const error = cause instanceof AggregateError ? (cause.errors[0] as unknown) : cause;
  const code = error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
  const reason = code ?? (error instanceof Error ? error.message : String(error));
  if (code !== undefined && TLS_TROUBLE.test(code))
    return new EdgeVlmError('MLFLOW_REFUSED', `the certificate of ${host} is not trusted: ${code}`, {
      cause,
      hint: 'Set MLFLOW_TRACKING_SERVER_CERT_PATH to its certificate, or MLFLOW_TRACKING_INSECURE_TLS=true to trust any.',
    });
  return new EdgeVlmError('MLFLOW_AWAY', `${host} does not answer: ${reason}`, { cause });
}
