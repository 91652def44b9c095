import { readFile } from 'node:fs/promises';
import { EdgeVlmError } from '../../core/errors.js';

/** How an MLflow tracking server is reached, by the environment variables of MLflow's own client. */
export interface MlflowSettings {
  /** Ends with a slash; without user name and password, so it may be stored and printed. */
  readonly server: URL;
  /** Value of the `Authorization` header. */
  readonly authorization?: string;
  /** PEM certificates to trust in place of the system's. */
  readonly ca?: Buffer;
  /** Whether any certificate will do. */
  readonly insecureTls: boolean;
  /** Silence after which a request is given up, milliseconds. */
  readonly timeout_ms: number;
}

const YES = /^(true|1)$/i;
/** MLflow waits for 120 s; a benchmark's user should not. */
const DEFAULT_TIMEOUT_S = 30;

/**
 * Reads `MLFLOW_TRACKING_URI` and, for that server, `MLFLOW_TRACKING_TOKEN`, `MLFLOW_TRACKING_USERNAME` with `MLFLOW_TRACKING_PASSWORD`,
 * `MLFLOW_TRACKING_INSECURE_TLS`, `MLFLOW_TRACKING_SERVER_CERT_PATH` and `MLFLOW_HTTP_REQUEST_TIMEOUT` (seconds).
 * @returns undefined where no server is named: then nothing leaves the machine.
 * @throws EdgeVlmError USAGE for what is no server or no credential; FILE_UNREADABLE for the certificate
 */
export async function mlflowSettings(env: NodeJS.ProcessEnv = process.env): Promise<MlflowSettings | undefined> {
  const variable = (name: string): string | undefined => (env[name]?.trim() ? env[name].trim() : undefined);
  const uri = variable('MLFLOW_TRACKING_URI');
  if (uri === undefined) return undefined;
  const url = parseServer(uri);
  const server = new URL(url);
  server.username = '';
  server.password = '';
  const insecureTls = YES.test(variable('MLFLOW_TRACKING_INSECURE_TLS') ?? '');
  const certificate = variable('MLFLOW_TRACKING_SERVER_CERT_PATH');
  if (insecureTls && certificate !== undefined)
    throw new EdgeVlmError('USAGE', 'MLFLOW_TRACKING_INSECURE_TLS and MLFLOW_TRACKING_SERVER_CERT_PATH exclude each other');
  const authorization = authorizationOf(url, variable);
  const timeout_s = Number(variable('MLFLOW_HTTP_REQUEST_TIMEOUT') ?? DEFAULT_TIMEOUT_S);
  if (!(timeout_s > 0 && timeout_s <= 86_400)) throw new EdgeVlmError('USAGE', 'MLFLOW_HTTP_REQUEST_TIMEOUT must be a number of seconds');
  return {
    server,
    ...(authorization !== undefined && { authorization }),
    ...(certificate !== undefined && { ca: await readCertificate(certificate) }),
    insecureTls,
    timeout_ms: timeout_s * 1000,
  };
}

/** The address itself is in no message: it may hold a password. */
function parseServer(uri: string): URL {
  const text = uri.replace(/\/*$/, '/');
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url !== undefined && /^https?:$/.test(url.protocol) && url.search === '' && url.hash === '') return url;
  throw new EdgeVlmError('USAGE', 'MLFLOW_TRACKING_URI is not the http or https address of a tracking server', {
    hint: 'EdgeVLM writes no mlruns folder and no database itself: start `mlflow server` and set MLFLOW_TRACKING_URI=http://localhost:5000.',
  });
}

/** A name and a password come before a token, as in MLflow's `get_default_host_creds`; those in the address are the last resort. */
function authorizationOf(url: URL, variable: (name: string) => string | undefined): string | undefined {
  const user = variable('MLFLOW_TRACKING_USERNAME');
  const password = variable('MLFLOW_TRACKING_PASSWORD');
  const token = variable('MLFLOW_TRACKING_TOKEN');
  if (user !== undefined && password !== undefined) return basic(user, password);
  if (token !== undefined) {
    // A header takes nothing else.
    if (!/^[\x21-\x7e]+$/.test(token)) throw new EdgeVlmError('USAGE', 'MLFLOW_TRACKING_TOKEN has spaces or control characters');
    return `Bearer ${token}`;
  }
  if (user !== undefined || password !== undefined)
    throw new EdgeVlmError('USAGE', 'MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD go together');
  return url.username === '' ? undefined : basic(unescapeUser(url.username), unescapeUser(url.password));
}

function basic(user: string, password: string): string {
  return `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
}

/** A lone % is what the user typed. */
function unescapeUser(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

async function readCertificate(path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (cause) {
    throw new EdgeVlmError('FILE_UNREADABLE', `MLFLOW_TRACKING_SERVER_CERT_PATH: ${path} cannot be read`, { cause });
  }
}
