// `npm run quickstart`: from a fresh clone to a picture nobody saw, described, asked about and checked, the model compared in three
// precisions, and the engine measured.
// Needs Node and git, nothing else; what it writes lies in node_modules/, dist/, outputs/ and reports/.
import { spawnSync } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const OLDEST_NODE = [20, 19];
const root = fileURLToPath(new URL('..', import.meta.url));
const times = [];

const [major, minor] = process.versions.node.split('.').map(Number);
if (major < OLDEST_NODE[0] || (major === OLDEST_NODE[0] && minor < OLDEST_NODE[1])) {
  fail(`EdgeVLM needs Node ${OLDEST_NODE.join('.')} or newer, this is ${process.versions.node}: see https://nodejs.org`);
}

if (newest('node_modules/.package-lock.json') < newest('package-lock.json')) {
  timed('install', () => npm('ci'));
}
if (newest('dist/cli/main.js') < Math.max(newest('src'), newest('tsconfig.build.json'))) {
  timed('build', () => npm('run', 'build'));
}

// The model was trained on other splits and seeds: this picture is drawn now, for the first time.
const seed = randomInt(2 ** 47);
const folder = join('outputs', 'quickstart', String(seed));
timed('draw', () => edgevlm('data', 'scenes', folder, '--style', 'rich', '--count', '1', '--split', 'test', '--seed', String(seed)));
const truth = JSON.parse(readFileSync(join(root, folder, 'truths.jsonl'), 'utf8').split('\n', 1)[0]);
const picture = join(folder, truth.file);
await show(join(root, picture));

const { caption, latency } = timed('caption', () => edgevlm('caption', picture));
console.log(`  the model says   ${caption}   (${(1000 * latency).toFixed(0)} ms)`);
console.log(`  the truth is     ${truth.caption}   ${verdict(caption, [truth.caption, ...truth.variants])}`);

// Any kind but the yes-or-no ones, which are right half of the time by chance.
const open = truth.questions.filter(({ kind }) => kind !== 'exists' && kind !== 'count');
const { question, answer: right } = open[randomInt(open.length)];
const { answer } = timed('question', () => edgevlm('vqa', picture, '--question', question));
console.log(`  asked            ${question}`);
console.log(`  the model says   ${answer}`);
console.log(`  the truth is     ${right}   ${verdict(answer, [right])}`);

const reports = join('reports', 'quickstart');
// Not this run's seed: two machines compare the same pictures.
const precisions = timed('compare precisions', () =>
  edgevlm('bench', 'precisions', '--count', '60', '--repetitions', '6', '--max-seconds', '20', '--report', join(reports, 'precisions')),
);
const [summary] = readFileSync(join(root, precisions.report.markdown), 'utf8').split('\n## ', 1);
console.log(`\n${summary.replace(/^# .*\n/, '').trim()}`);

const record = join(reports, 'engine.json');
timed('measure', () => edgevlm('bench', 'engine', '--quick', '--vs', 'libllama', '--out', record));
const report = record.replace(/\.json$/, '.md');
console.log(`\n${readFileSync(join(root, report), 'utf8').trim()}\n`);

console.log(`picture  ${picture}`);
console.log(`reports  ${report} and ${record}`);
console.log(`         ${precisions.report.html} (open it in a browser) and ${precisions.report.json}`);
console.log(`times    ${times.map(({ name, seconds }) => `${name} ${seconds.toFixed(1)} s`).join(', ')}`);

function verdict(text, right) {
  const plain = (words) => words.trim().toLowerCase().replace(/\.$/, '');
  return right.some((words) => plain(words) === plain(text)) ? '→ right' : '→ WRONG';
}

/** Runs the built command line and gives its JSON. */
function edgevlm(...args) {
  console.log(`  $ edgevlm ${args.map((arg) => (/\s/.test(arg) ? `"${arg}"` : arg)).join(' ')}`);
  const result = spawnSync(process.execPath, [join(root, 'dist/cli/main.js'), ...args, '--json'], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'inherit'],
    encoding: 'utf8',
    maxBuffer: 2 ** 26,
  });
  if (result.status !== 0) fail(`edgevlm ${args.join(' ')} ended with ${result.status ?? result.signal ?? result.error?.message}`);
  return JSON.parse(result.stdout);
}

function npm(...args) {
  console.log(`  $ npm ${args.join(' ')}`);
  // On Windows npm is a script that only a shell starts.
  const { status, error } = spawnSync('npm', args, {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
    shell: process.platform === 'win32',
  });
  if (status !== 0) fail(`npm ${args.join(' ')} failed${error === undefined ? '' : `: ${error.message}`}`);
}

function timed(name, work) {
  console.log(`\n— ${name}`);
  const start = performance.now();
  const result = work();
  times.push({ name, seconds: (performance.now() - start) / 1000 });
  return result;
}

/** Draws the picture on a terminal of 24-bit colours: two pixels a character. */
async function show(path) {
  if (!process.stdout.isTTY || process.stdout.getColorDepth() < 24) return;
  const { decodeImage } = await import(new URL('../dist/vision/intake/decode-image.js', import.meta.url).href);
  const { width, height, rgb } = await decodeImage(path);
  const columns = 48;
  const pixel = (column, row) => {
    const at = 3 * (Math.floor((row * height) / columns) * width + Math.floor((column * width) / columns));
    return rgb.subarray(at, at + 3).join(';');
  };
  for (let row = 0; row < columns; row += 2) {
    const cells = Array.from({ length: columns }, (_, column) => `\x1b[38;2;${pixel(column, row)};48;2;${pixel(column, row + 1)}m▀`);
    console.log(`  ${cells.join('')}\x1b[0m`);
  }
}

/** When the newest file at or under a path was changed, milliseconds; -Infinity where there is none. */
function newest(path) {
  const full = join(root, path);
  try {
    if (!statSync(full).isDirectory()) return statSync(full).mtimeMs;
  } catch {
    return -Infinity;
  }
  return Math.max(...readdirSync(full).map((name) => newest(relative(root, join(full, name)))));
}

function fail(message) {
  console.error(`quickstart: ${message}`);
  process.exit(1);
}
