import { execFile, spawnSync } from 'node:child_process';
import { mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { apiPython, canInstallApiPython } from './support/api-python.js';
import { picture, type ShapesServer, startShapesServer } from './support/shapes-server.js';

/** The calls of EdgeVLM's first README, as their users typed them, against a real server: what once worked has to go on working. */
const run = promisify(execFile);
const HAS_CURL = spawnSync('curl', ['--version']).status === 0;

let folder: string;
let server: ShapesServer;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'edgevlm-seed-'));
  for (const name of ['image.jpg', 'test_image.jpg']) await writeFile(join(folder, name), await picture(3));
  server = await startShapesServer(folder);
}, 60_000);

afterAll(async () => {
  await server.stop();
});

/** A line of a shell, with this server in place of the README's and a picture that is there. */
async function shell(line: string): Promise<unknown> {
  const here = line
    .replaceAll('http://localhost:8000', server.url.replace('127.0.0.1', 'localhost'))
    .replaceAll('path/to/image.jpg', 'image.jpg');
  const { stdout } = await run('sh', ['-c', here], { cwd: folder });
  return JSON.parse(stdout) as unknown;
}

describe.runIf(HAS_CURL)('the lines with curl', () => {
  it('caption', async () => {
    const answer = await shell(
      'curl -s -X POST "http://localhost:8000/caption" \\\n  -F "image=@path/to/image.jpg" \\\n  -F "max_length=128"',
    );
    expect(answer).toMatchObject({ caption: expect.stringMatching(/\w/) as unknown, latency: expect.any(Number) as unknown });
  });

  it('question', async () => {
    const answer = await shell(
      'curl -s -X POST "http://localhost:8000/vqa" \\\n  -F "image=@path/to/image.jpg" \\\n  -F "question=What color is the dog?" \\\n  -F "max_length=64"',
    );
    expect(answer).toMatchObject({ answer: expect.any(String) as unknown, question: 'What color is the dog?' });
  });

  it('benchmark, whose results are saved', async () => {
    const answer = await shell(
      'curl -s -X POST "http://localhost:8000/benchmark" \\\n  -F "image=@test_image.jpg" \\\n  -F "task_type=caption" \\\n  -F "num_runs=10"',
    );
    const format = {
      task_type: 'caption',
      num_runs: 10,
      ...Object.fromEntries(['avg', 'p50', 'p95', 'p99'].map((name) => [`${name}_latency`, expect.any(Number) as unknown])),
      inference_metrics: { avg_tokens_per_second: expect.any(Number) as unknown, early_exit_rate: expect.any(Number) as unknown },
      system_metrics: { avg_cpu_percent: expect.any(Number) as unknown, avg_memory_mb: expect.any(Number) as unknown },
    };
    expect(answer).toMatchObject(format);
    expect(JSON.parse(await readFile(join(folder, 'benchmarks/results.json'), 'utf8'))).toMatchObject(format);
  });

  it('metrics and health', async () => {
    const metrics = await shell('curl -s "http://localhost:8000/metrics"');
    expect(metrics).toMatchObject({ inference_metrics: { total_inferences: expect.any(Number) as unknown } });
    expect(await shell('curl -s "http://localhost:8000/health"')).toMatchObject({ status: 'healthy' });
  });

  it('logs: what `tail -f logs/edgevlm.log` shows', async () => {
    expect(await readFile(join(folder, 'logs/edgevlm.log'), 'utf8')).toContain('INFO');
  });
});

describe.runIf(canInstallApiPython())('the lines with Python and requests', () => {
  let python: string;

  beforeAll(async () => {
    python = join(await apiPython(), 'python');
  }, 600_000);

  const script = async (lines: string): Promise<string> => {
    const here = lines.replaceAll('http://localhost:8000', server.url.replace('127.0.0.1', 'localhost'));
    return (await run(python, ['-c', here], { cwd: folder, env: { ...process.env, NO_PROXY: '*' } })).stdout;
  };

  it('caption', async () => {
    const said = await script(`
import requests

# Image captioning
with open('image.jpg', 'rb') as f:
    response = requests.post(
        'http://localhost:8000/caption',
        files={'image': f},
        data={'max_length': 128}
    )
    result = response.json()
    print(f"Caption: {result['caption']}")
    print(f"Latency: {result['latency']:.2f}s")
`);
    expect(said).toMatch(/^Caption: \S.*\nLatency: \d+\.\d\ds\n$/);
  });

  it('metrics; a temperature only where the machine has a sensor', async () => {
    const said = await script(`
import requests

metrics = requests.get('http://localhost:8000/metrics').json()

print(f"Inference Metrics:")
print(f"  Total inferences: {metrics['inference_metrics']['total_inferences']}")
print(f"  Avg latency: {metrics['inference_metrics']['avg_latency']:.3f}s")
print(f"  Early exit rate: {metrics['inference_metrics']['early_exit_rate']:.2%}")

print(f"\\nSystem Metrics:")
print(f"  CPU: {metrics['system_metrics']['avg_cpu_percent']:.1f}%")
print(f"  Memory: {metrics['system_metrics']['avg_memory_mb']:.0f}MB")
if metrics['system_metrics']['avg_temperature_celsius'] is not None:
    print(f"  Temperature: {metrics['system_metrics']['avg_temperature_celsius']:.1f}°C")
`);
    expect(said).toMatch(/Total inferences: \d+\n {2}Avg latency: \d+\.\d{3}s\n {2}Early exit rate: \d+\.\d\d%/);
    expect(said).toMatch(/CPU: [\d.]+%\n {2}Memory: \d+MB/);
  });
});
