import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import { Type } from 'typebox';
import { Value } from 'typebox/value';
import { bench } from './commands/bench.js';
import { caption } from './commands/caption.js';
import { compare } from './commands/compare.js';
import { data } from './commands/data.js';
import { evaluate } from './commands/eval.js';
import { generate } from './commands/generate.js';
import { mlflow } from './commands/mlflow.js';
import { models } from './commands/models.js';
import { runs } from './commands/runs.js';
import { runtimes } from './commands/runtimes.js';
import { vqa } from './commands/vqa.js';
import type { OutputOptions } from './options/output-options.js';
import type { Session } from './session.js';

/** The whole command line. Parsing it runs a command; wrong arguments throw a CommanderError. */
export function createProgram(session: Session): Command {
  const program = new Command('edgevlm')
    .description('Serve vision-language models on edge devices, and measure any model on them.')
    .version(packageVersion(), '--version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .exitOverride()
    // Errors are printed by main, once and with their code.
    .configureOutput({ outputError: () => undefined })
    .showSuggestionAfterError();
  program.hook('preAction', (_, command) => {
    session.terminal.configure(command.opts<OutputOptions>());
  });
  for (const add of [caption, vqa, generate, models, data, bench, evaluate, compare, runtimes, runs, mlflow]) add(program, session);
  return program;
}

function packageVersion(): string {
  const description: unknown = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
  return Value.Parse(Type.Object({ version: Type.String() }), description).version;
}
