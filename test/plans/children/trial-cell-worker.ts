import { appendFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { Type } from 'typebox';
import type { CellRunner } from '../../../src/bench/plans/cell-runner.js';
import { serveCells } from '../../../src/bench/plans/serve-cells.js';
import { EdgeVlmError } from '../../../src/core/errors.js';
import { sampleMeasurement } from '../../tracking/support/sample-record.js';

/** Ends in the way it is told to. */
const trial: CellRunner = {
  settings: Type.Object({ how: Type.String(), log: Type.String() }),
  identify: () => Promise.resolve({}),
  async run({ how, log }, { signal }) {
    appendFileSync(String(log), `${process.pid} ${String(how)}\n`);
    switch (String(how)) {
      case 'exhausted':
        throw new EdgeVlmError('OUT_OF_MEMORY', 'the weights do not fit');
      case 'missing':
        throw new EdgeVlmError('LOAD_ERROR', 'a package is missing');
      case 'killed':
        process.kill(process.pid, 'SIGKILL');
        break;
      case 'crashed':
        process.kill(process.pid, 'SIGSEGV');
        break;
      case 'aborted':
        process.abort();
        break;
      case 'left':
        process.exit(3);
        break;
      case 'spinning':
        for (;;);
      case 'slow':
        await sleep(60_000, undefined, { signal });
        break;
      default:
        await sleep(200, undefined, { signal });
    }
    return sampleMeasurement(3);
  },
};

await serveCells({ trial: () => Promise.resolve(trial) });
