import type { Command } from 'commander';
import { CATALOGUE } from '../../catalogue/catalogue.js';
import { entryNamed } from '../../catalogue/entry-named.js';
import type { ModelEntry } from '../../catalogue/model-entry.js';
import { PACKAGE_MODELS, userFolders } from '../../catalogue/models-folders.js';
import { readManifest } from '../../catalogue/pull/pulled-manifest.js';
import { type ExpectedFile, type FileVerdict, verifyFiles } from '../../catalogue/pull/verify-files.js';
import { EdgeVlmError } from '../../core/errors.js';
import { addOutputOptions } from '../options/output-options.js';
import type { Session } from '../session.js';

/** `edgevlm models verify` */
export function modelsVerify(group: Command, { terminal, signal }: Session): void {
  const command = group
    .command('verify')
    .description('Compare models with their recorded checksums: those that come with the package and those that were pulled.')
    .option('--model <name>', 'one of them; default: all that are here');
  addOutputOptions(command).action(async ({ model }: { readonly model?: string }) => {
    const entries = model === undefined ? CATALOGUE : [entryNamed(model)];
    let count = 0;
    for (const entry of entries) {
      for (const { folder, files } of await expectationsOf(entry)) {
        count++;
        const verdicts = await verifyFiles(folder, files, { progress: terminal.progress, signal });
        const wrong = verdicts.filter(({ state }) => state !== 'ok');
        const report = { model: entry.name, folder, ok: wrong.length === 0, files: verdicts };
        if (wrong.length === 0) terminal.result(report, verdicts.map(({ path }) => `${entry.name}: ${path} ok`).join('\n'));
        else terminal.itemError(report, mismatch(entry, wrong));
      }
    }
    if (count === 0) throw new EdgeVlmError('FILE_NOT_FOUND', `nothing of ${model ?? 'the catalogue'} was pulled`);
  });
}

async function expectationsOf(entry: ModelEntry): Promise<{ folder: string; files: readonly ExpectedFile[] }[]> {
  if (entry.shipped) {
    const files = entry.files.flatMap(({ as, bytes, sha256 }) => (bytes === null || sha256 === null ? [] : [{ as, bytes, sha256 }]));
    return [{ folder: PACKAGE_MODELS, files }];
  }
  const found = await Promise.all(
    userFolders().map(async (folder) => {
      const manifest = await readManifest(folder, entry.name);
      return manifest === undefined ? [] : [{ folder, files: manifest.files }];
    }),
  );
  return found.flat();
}

function mismatch(entry: ModelEntry, wrong: readonly FileVerdict[]): EdgeVlmError {
  const hint = entry.shipped ? 'Install EdgeVLM again.' : `Download it again: edgevlm models pull --model ${entry.name} --force`;
  return new EdgeVlmError('CHECKSUM_MISMATCH', wrong.map(({ path, state }) => `${path} is ${state}`).join('; '), { hint });
}
