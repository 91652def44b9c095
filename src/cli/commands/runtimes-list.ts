import type { Command } from 'commander';
import { RUNTIME_NAMES } from '../../core/runtime.js';
import { RUNTIMES } from '../../runtimes/registry.js';
import { columns } from '../columns.js';
import { addOutputOptions } from '../options/output-options.js';
import type { Session } from '../session.js';

/** `edgevlm runtimes list` */
export function runtimesList(group: Command, { terminal }: Session): void {
  const command = group.command('list').description('List the runtimes, whether or not this machine has them.');
  addOutputOptions(command).action(async () => {
    const runtimes = await Promise.all(RUNTIME_NAMES.map((name) => RUNTIMES[name]()));
    const lines = columns(runtimes.map(({ name, description }) => [name, description]));
    runtimes.forEach(({ name, description }, index) => {
      terminal.result({ name, description }, lines[index] ?? name);
    });
  });
}
