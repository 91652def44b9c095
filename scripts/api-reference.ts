import { readFile, writeFile } from 'node:fs/promises';
import { format } from 'prettier';
import { Logger } from '../src/core/logger.js';
import { nullRuntime } from '../src/runtimes/null/null-runtime.js';
import { buildApp } from '../src/server/build-app.js';
import { IdempotencyStore } from '../src/server/idempotency.js';
import { KeyRing } from '../src/server/keys/key-ring.js';
import { PrometheusMetrics } from '../src/server/prometheus-metrics.js';
import { BenchmarkRunner } from '../src/serving/benchmark-runner.js';
import { InferenceMetrics } from '../src/serving/inference-metrics.js';
import { InferenceService } from '../src/serving/inference-service.js';
import { MemoryLedger } from '../src/serving/memory-ledger.js';
import { ModelPool } from '../src/serving/model-pool.js';
import { SystemSampler } from '../src/serving/system-sampler.js';

/** What this reads of an OpenAPI document. */
interface Schema {
  readonly type?: string;
  readonly description?: string;
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly format?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly items?: Schema;
  readonly anyOf?: readonly Schema[];
}
type Content = Readonly<Record<string, { readonly schema?: Schema }>>;
interface Operation {
  readonly summary: string;
  readonly tags?: readonly string[];
  readonly requestBody?: { readonly content: Content };
  readonly responses: Readonly<Record<string, { readonly description: string; readonly content?: Content }>>;
}
interface OpenApi {
  readonly tags: readonly { readonly name: string; readonly description?: string }[];
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
}

/** Writes schema/openapi.json and docs/API_REFERENCE.md from the routes; with `--check` writes nothing and fails when one is stale. */
const check = process.argv.includes('--check');
const api = await describeServer();
const files: Record<string, string> = {
  'schema/openapi.json': await format(JSON.stringify(api), { parser: 'json', singleQuote: true, printWidth: 140 }),
  'docs/API_REFERENCE.md': await format(reference(api), { parser: 'markdown', singleQuote: true, printWidth: 140 }),
};
const stale: string[] = [];
for (const [name, text] of Object.entries(files)) {
  const url = new URL(`../${name}`, import.meta.url);
  if ((await readFile(url, 'utf8').catch(() => '')) === text) continue;
  if (check) stale.push(name);
  else await writeFile(url, text);
}
if (stale.length > 0) {
  console.error(`stale: ${stale.join(', ')}; run: npx tsx scripts/api-reference.ts`);
  process.exitCode = 1;
}

async function describeServer(): Promise<OpenApi> {
  const logger = new Logger({ sink: () => undefined });
  const open = () => nullRuntime.open({ model: '', device: 'cpu', quantization: 'none' });
  const preparePicture = (bytes: Uint8Array) =>
    Promise.resolve({ part: { type: 'picture' as const, bytes }, bytes: 0, decode_ms: 0, preprocess_ms: 0 });
  const ledger = new MemoryLedger({ budget: 'auto', available: () => 0, resident: () => null });
  const models = new ModelPool({ ledger, logger, admission: { slots: 1, maxQueue: 0 } });
  await models.load({ names: ['shapes'], identity: '', runtime: 'null', layers: null, bytes: 0, preparePicture, open }).done;
  const service = new InferenceService({ models, deadline_ms: 1, observers: [] });
  const shelf = { list: () => Promise.resolve([]), find: () => Promise.reject(new Error('nobody asks')) };
  const probe = () => Promise.resolve({ cpu_percent: null, memory_mb: null, temperature_celsius: null });
  const description = JSON.parse(await readFile(new URL('../package.json', import.meta.url), 'utf8')) as { version: string };
  const app = await buildApp({
    ...{ service, logger, metrics: new InferenceMetrics(), prometheus: new PrometheusMetrics(), system: new SystemSampler(probe) },
    benchmark: new BenchmarkRunner(service, { probe }),
    ...{ shelf, device: 'cpu', version: description.version, keys: await KeyRing.open({ given: [] }), corsOrigins: [], hostNames: [] },
    limits: { imageBytes: 1, images: 1, maxTokens: 1, defaultTokens: 1, defaultSampling: {} },
    warnings: [],
    ...{ resultsFile: '', capacity: 1, idempotency: new IdempotencyStore() },
  });
  const { payload } = await app.inject('/openapi.json');
  await app.close();
  await service.close();
  return JSON.parse(payload) as OpenApi;
}

function reference({ tags, paths }: OpenApi): string {
  const lines = [
    '# API reference',
    '',
    '<!-- Made by scripts/api-reference.ts from the routes; do not edit. -->',
    '',
    'Every route of `edgevlm serve`. [SERVER.md](SERVER.md) shows a session and tells what the server does about errors, load and crashes; the',
    'same description for programs is at `/openapi.json` (checked in as [schema/openapi.json](../schema/openapi.json)), to browse at `/docs`.',
  ];
  for (const { name, description } of tags) {
    lines.push('', `## ${name}`, '', ...(description === undefined ? [] : [description]));
    for (const [path, methods] of Object.entries(paths)) {
      for (const [method, operation] of Object.entries(methods)) {
        if (operation.tags?.includes(name) === true) lines.push(...section(`${method.toUpperCase()} ${path}`, operation));
      }
    }
  }
  return lines.join('\n');
}

function section(title: string, { summary, requestBody, responses }: Operation): string[] {
  const lines = ['', `### \`${title}\``, '', `${summary}.`];
  for (const [type, { schema }] of Object.entries(requestBody?.content ?? {})) lines.push('', `Takes \`${type}\`:`, ...fields(schema));
  const { 200: answer, ...others } = responses;
  const answers = Object.entries(answer?.content ?? {});
  const [first] = answers;
  if (answer !== undefined && first !== undefined) {
    const types = answers.map(([type]) => `\`${type}\``).join(' or ');
    const said = answer.description === 'Default Response' ? '' : ` ${answer.description}`;
    lines.push('', `Answers ${types}.${said}`, ...fields(first[1].schema));
  }
  const failures = Object.keys(others);
  if (failures.length > 0) lines.push('', `Other statuses: ${failures.join(', ')}.`);
  return lines;
}

function fields(schema: Schema | undefined): string[] {
  const rows = Object.entries(schema?.properties ?? {}).flatMap(([name, field]) =>
    row(name, field, schema?.required?.includes(name) === true),
  );
  return rows.length === 0 ? [] : ['', '| field | type | |', '| --- | --- | --- |', ...rows];
}

/** A field, and those of the objects in it. */
function row(name: string, field: Schema, required: boolean): string[] {
  const alternatives = (field.anyOf ?? []).filter(({ type }) => type !== 'null');
  const only = alternatives.length === 1 ? alternatives[0] : undefined;
  const described = { ...only, ...field };
  const words = [range(described), described.description?.replaceAll('|', '\\|')].filter((text) => text !== undefined && text !== '');
  const own = `| \`${name}\`${required ? '' : ' (optional)'} | ${typeOf(field)} | ${words.join('. ')} |`;
  const inner = only ?? field;
  const object = inner.type === 'array' ? inner.items : inner;
  const prefix = inner.type === 'array' ? `${name}[].` : `${name}.`;
  return [
    own,
    ...Object.entries(object?.properties ?? {}).flatMap(([key, one]) => row(prefix + key, one, object?.required?.includes(key) === true)),
  ];
}

function typeOf({ type, anyOf, items, enum: values, const: value, format: form }: Schema): string {
  if (value !== undefined) return `\`${JSON.stringify(value)}\``;
  if (values !== undefined) return values.map((one) => `\`${JSON.stringify(one)}\``).join(', ');
  if (anyOf !== undefined) return [...new Set(anyOf.map(typeOf))].join(' or ');
  if (form === 'binary') return 'file';
  if (type === 'array') return `list of ${items === undefined ? 'anything' : typeOf(items)}`;
  return type ?? 'anything';
}

function range({ minimum, maximum }: Schema): string | undefined {
  if (minimum === undefined && maximum === undefined) return undefined;
  if (maximum === undefined) return minimum === 0 ? undefined : `From ${minimum}`;
  return `${minimum ?? ''} to ${maximum}`;
}
