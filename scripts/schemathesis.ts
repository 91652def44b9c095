// `npx tsx scripts/schemathesis.ts [--requests 20000] [--seed 1]`: schemathesis against the server over the runtime that computes nothing. `npm test`
// sends 1,000. Needs Python 3.10 with venv, and PyPI the first time. Fails on undescribed statuses, 500 and bodies against the schema.
import { parseArgs } from 'node:util';
import { runSchemathesis } from '../test/server/support/run-schemathesis.js';

// The server is started from its sources, in another folder.
process.env['NODE_OPTIONS'] = `--import=${import.meta.resolve('tsx')}`;
const { values } = parseArgs({ options: { requests: { type: 'string', default: '20000' }, seed: { type: 'string', default: '1' } } });
const started = performance.now();
const { requests, failure } = await runSchemathesis(Number(values.requests), {
  seed: Number(values.seed),
  onOutput: (output) => {
    console.log(output.slice(output.indexOf('Test Phases:')).trim());
  },
});
if (failure !== null) console.error(failure);
console.log(`${requests} requests in ${((performance.now() - started) / 1000).toFixed(0)} s: ${failure === null ? 'passed' : 'FAILED'}`);
process.exitCode = failure === null ? 0 : 1;
