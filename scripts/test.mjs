// `npm test [vitest arguments]`: installs what is missing, builds, runs the tests, and closes with `N passed, N failed[, N skipped]`.
import { spawnSync } from 'node:child_process';
import { readFileSync, rmSync, statSync } from 'node:fs';
import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Tests that may be skipped where what they need is missing: start of the full name, and the reason that is printed. */
const ALLOWED_SKIPS = [
  ['against a real MLflow server', 'needs Python 3.10 or newer, with venv, to install MLflow'],
  ['against a real llama-server', "needs llama.cpp's server: name it in EDGEVLM_TEST_LLAMA_SERVER"],
  ['llama-server, not here', "needs llama.cpp's server: name it in EDGEVLM_TEST_LLAMA_SERVER"],
  [
    'on a device (EDGEVLM_TEST_DEVICE',
    'needs a graphics card: name what it speaks in EDGEVLM_TEST_DEVICE (docs/OPTIMIZATIONS.md, Devices)',
  ],
  ['python, not here', 'needs PyTorch: set EDGEVLM_PYTHON, or run the tests once with CI=true'],
  ['a tree from /proc takes a file that may not be read', 'needs not to be root, who may read everything'],
  ['says when only root may read', 'needs not to be root, who may read everything'],
  ['the Python runtime with PyTorch', 'needs PyTorch: set EDGEVLM_PYTHON, or run the tests once with CI=true'],
  ['requests that schemathesis makes', 'needs Python 3.10 or newer, with venv, to install schemathesis'],
  ['the lines with Python and requests', 'needs Python 3.10 or newer, with venv, to install requests'],
  ['the lines with curl', 'needs curl'],
  ['against an index that is away', 'needs Python 3.10 or newer, with venv'],
];

const root = fileURLToPath(new URL('..', import.meta.url));
const results = `${root}.cache/test-results.json`;
const args = process.argv.slice(2);
// With a name filter vitest reports every other test as skipped.
const filtered = args.some((arg) => /^(-t|--testNamePattern)/.test(arg));

if (isStale('node_modules/.package-lock.json', 'package-lock.json')) step('npm', ['ci'], process.platform === 'win32');
step(process.execPath, ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.build.json']);
rmSync(results, { force: true });
const { status } = spawnSync(
  process.execPath,
  ['node_modules/vitest/vitest.mjs', 'run', '--reporter=default', '--reporter=json', `--outputFile.json=${results}`, ...args],
  { cwd: root, stdio: 'inherit' },
);

const { passed, failed, skipped } = count();
let failures = failed.length;
for (const name of failed) console.log(`failed: ${name}`);
if (!filtered) {
  for (const name of skipped) {
    const reason = ALLOWED_SKIPS.find(([start]) => name.startsWith(start))?.[1];
    console.log(`skipped: ${name}: ${reason ?? 'no reason is listed in scripts/test.mjs'}`);
    if (reason === undefined && process.env.CI === 'true') failures++;
  }
}
if (status !== 0 && failures === 0) {
  console.log('failed: an error outside of the tests, a crashed test process, or no tests at all; see above');
  failures = 1;
}
console.log(`${passed} passed, ${failures} failed${skipped.length > 0 ? `, ${skipped.length} skipped` : ''}`);
process.exitCode = failures === 0 ? 0 : 1;

/** Counts from vitest's JSON report; a file that could not even be loaded counts as one failure. */
function count() {
  const counts = { passed: 0, failed: [], skipped: [] };
  let report;
  try {
    report = JSON.parse(readFileSync(results, 'utf8'));
  } catch {
    console.log('vitest left no report');
    return counts;
  }
  for (const file of report.testResults) {
    const tests = file.assertionResults;
    if (file.status === 'failed' && !tests.some((test) => test.status === 'failed')) counts.failed.push(relative(root, file.name));
    for (const { status: outcome, fullName } of tests) {
      if (outcome === 'passed') counts.passed++;
      else (outcome === 'failed' ? counts.failed : counts.skipped).push(fullName);
    }
  }
  return counts;
}

function isStale(made, source) {
  try {
    return statSync(`${root}${made}`).mtimeMs < statSync(`${root}${source}`).mtimeMs;
  } catch {
    return true;
  }
}

function step(command, commandArgs, shell = false) {
  const result = spawnSync(command, commandArgs, { cwd: root, stdio: 'inherit', shell });
  if (result.status === 0) return;
  console.log(`failed: ${[command, ...commandArgs].join(' ')}${result.error === undefined ? '' : `: ${result.error.message}`}`);
  console.log('0 passed, 1 failed');
  process.exit(1);
}
