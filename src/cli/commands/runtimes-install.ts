import { type Command, Argument } from 'commander';
import { installPython, type InstallPythonReport } from '../../runtimes/python/install-python.js';
import { installTransformersJs, type InstallTransformersJsReport } from '../../runtimes/transformers-js/install-transformers-js.js';
import { addOutputOptions } from '../options/output-options.js';
import type { Session } from '../session.js';

/** Runtimes whose packages can be installed by a command. */
const INSTALLABLE = ['python', 'transformers-js'] as const;

interface InstallOptions {
  readonly force: boolean;
  readonly torchIndex?: string;
}

/** `edgevlm runtimes install` */
export function runtimesInstall(group: Command, { terminal, signal }: Session): void {
  const command = group
    .command('install')
    .description("Install what a runtime needs into EdgeVLM's home; what was interrupted goes on where it stopped.")
    .addArgument(new Argument('<runtime>', 'which one').choices(INSTALLABLE))
    .option(
      '--torch-index <url>',
      "where pip takes PyTorch from (python only); 'pip' for pip's own setting. Default: PyTorch's for processors",
    )
    .option('--force', 'install again what is here already', false);
  addOutputOptions(command).action(async (runtime: (typeof INSTALLABLE)[number], { force, torchIndex }: InstallOptions) => {
    const options = { force, onProgress: terminal.progress, signal };
    const report =
      runtime === 'python'
        ? await installPython({ ...options, ...(torchIndex !== undefined && { torchIndex }) })
        : await installTransformersJs(options);
    terminal.result(report, reportText(report));
  });
}

function reportText(report: InstallPythonReport | InstallTransformersJsReport): string {
  const state = report.state === 'installed' ? 'installed' : 'is here already';
  if (report.runtime === 'transformers-js') return `transformers-js: ${state}, version ${report.version}`;
  const { python, torch, transformers } = report.versions;
  return `python: ${state} in ${report.folder}: Python ${python}, PyTorch ${torch ?? '-'}, transformers ${transformers ?? '-'}`;
}
