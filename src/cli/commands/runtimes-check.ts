import { Argument, type Command } from 'commander';
import { EdgeVlmError } from '../../core/errors.js';
import { RUNTIME_NAMES, type RuntimeName } from '../../core/runtime.js';
import { RUNTIMES } from '../../runtimes/registry.js';
import { addOutputOptions } from '../options/output-options.js';
import type { Session } from '../session.js';

/** `edgevlm runtimes check [name]` */
export function runtimesCheck(group: Command, { terminal, signal }: Session): void {
  const command = group
    .command('check')
    .addArgument(new Argument('[name]', 'only this one; then the exit code says whether it can work').choices(RUNTIME_NAMES))
    .description('Look at what each runtime needs, and say what is missing and how to install it.');
  addOutputOptions(command).action(async (only: RuntimeName | undefined) => {
    const names = only === undefined ? RUNTIME_NAMES : [only];
    const width = Math.max(...names.map((name) => name.length));
    for (const name of names) {
      const check = await (await RUNTIMES[name]()).check(signal);
      const { available, version, detail, install } = check;
      const what = available ? ['yes', version ?? '', `(${detail})`].filter((word) => word !== '').join(' ') : `no: ${detail}`;
      terminal.result({ name, ...check }, `${name.padEnd(width)}  ${what}${install === null ? '' : `; to install it: ${install}`}`);
      if (only !== undefined && !available) {
        throw new EdgeVlmError(
          'LOAD_ERROR',
          `the runtime ${name} cannot work here: ${detail}`,
          install === null ? {} : { hint: `Run: ${install}` },
        );
      }
    }
  });
}
