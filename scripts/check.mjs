// `npm run check`: every static check, all of them even when one fails, one line each.
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));

/** Name, the tool's own script (so that this works without a shell on every system), arguments. */
const CHECKS = [
  ['types', 'typescript/bin/tsc', ['--noEmit']],
  ['lint', 'eslint/bin/eslint.js', ['.', '--max-warnings', '0']],
  ['format', 'prettier/bin/prettier.cjs', ['--check', '.']],
  ['unused code', 'knip/bin/knip.js', ['--no-progress']],
  ['imports', 'dependency-cruiser/bin/dependency-cruise.mjs', ['src', 'test', 'scripts']],
  ['schemas', 'tsx/dist/cli.mjs', ['scripts/schemas.ts', '--check']],
  ['api reference', 'tsx/dist/cli.mjs', ['scripts/api-reference.ts', '--check']],
  ['shapes files', 'tsx/dist/cli.mjs', ['scripts/shapes-files.ts', '--check']],
];

function run(script, args) {
  return new Promise((resolve) => {
    let output = '';
    const child = spawn(process.execPath, [`node_modules/${script}`, ...args], { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
    child.stdout.on('data', (text) => (output += text));
    child.stderr.on('data', (text) => (output += text));
    child.on('error', (error) => resolve({ passed: false, output: error.message }));
    child.on('close', (code) => resolve({ passed: code === 0, output }));
  });
}

let failures = 0;
for (const [name, script, args] of CHECKS) {
  const start = performance.now();
  const { passed, output } = await run(script, args);
  console.log(`${passed ? 'ok  ' : 'FAIL'}  ${name.padEnd(12)} ${((performance.now() - start) / 1000).toFixed(1)} s`);
  if (passed) continue;
  failures++;
  console.log(output.trimEnd().replace(/^/gm, '      '));
}
console.log(failures === 0 ? 'all checks passed' : `${failures} of ${CHECKS.length} checks failed`);
process.exitCode = failures === 0 ? 0 : 1;
