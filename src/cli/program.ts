import { Command } from 'commander';
import { optionHelp } from './option-help.js';
import type { OutputOptions } from './options/output-options.js';
import { packageVersion } from './package-version.js';
import type { Session } from './session.js';

type AddCommand = (program: Command, session: Session) => void;

/** In the order of `--help`. Each is loaded when it is called for: on a small board all of them take seconds. */
const COMMANDS: Readonly<Record<string, () => Promise<AddCommand>>> = {
  caption: async () => (await import('./commands/caption.js')).caption,
  vqa: async () => (await import('./commands/vqa.js')).vqa,
  generate: async () => (await import('./commands/generate.js')).generate,
  serve: async () => (await import('./commands/serve.js')).serve,
  keys: async () => (await import('./commands/keys.js')).keys,
  models: async () => (await import('./commands/models.js')).models,
  data: async () => (await import('./commands/data.js')).data,
  bench: async () => (await import('./commands/bench.js')).bench,
  calibrate: async () => (await import('./commands/calibrate.js')).calibrate,
  eval: async () => (await import('./commands/eval.js')).evaluate,
  compare: async () => (await import('./commands/compare.js')).compare,
  runtimes: async () => (await import('./commands/runtimes.js')).runtimes,
  runs: async () => (await import('./commands/runs.js')).runs,
  mlflow: async () => (await import('./commands/mlflow.js')).mlflow,
  config: async () => (await import('./commands/config.js')).config,
};

/** Commands that look at the others. */
const NEED_ALL: readonly string[] = ['config'];

/**
 * The command line as far as `argv` needs it: the one command that it names, or all of them. Parsing it runs a command; wrong
 * arguments throw a CommanderError.
 */
export async function createProgram(session: Session, argv: readonly string[]): Promise<Command> {
  const program = new Command('edgevlm')
    .description('Serve vision-language models on edge devices, and measure any model on them.')
    .version(packageVersion(), '--version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .helpCommand('help [command]', 'Print the help of a command.')
    .configureHelp({ optionDescription: optionHelp })
    .exitOverride()
    // Errors are printed by main, once and with their code.
    .configureOutput({ outputError: () => undefined })
    .showSuggestionAfterError();
  program.hook('preAction', (_, command) => {
    session.terminal.configure(command.opts<OutputOptions>());
  });
  const [first = ''] = argv;
  const named = Object.hasOwn(COMMANDS, first) && !NEED_ALL.includes(first) ? COMMANDS[first] : undefined;
  for (const load of named === undefined ? Object.values(COMMANDS) : [named]) (await load())(program, session);
  return program;
}
