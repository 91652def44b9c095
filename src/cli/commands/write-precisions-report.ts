import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { precisionsHtml } from '../../bench/scenarios/precisions/precisions-html.js';
import { precisionsMarkdown } from '../../bench/scenarios/precisions/precisions-markdown.js';
import type { PrecisionsResults } from '../../bench/scenarios/precisions/precisions-results.js';
import { EdgeVlmError } from '../../core/errors.js';
import { writeFileAtomically } from '../../core/write-file-atomically.js';

/** Where a report lies. */
export interface ReportFiles {
  readonly html: string;
  readonly json: string;
  readonly markdown: string;
}

/** Writes `report.html`, `report.json` and `report.md` into a folder, which is made. @throws FILE_UNWRITABLE */
export async function writePrecisionsReport(results: PrecisionsResults, folder: string): Promise<ReportFiles> {
  await mkdir(folder, { recursive: true }).catch((cause: unknown) => {
    throw new EdgeVlmError('FILE_UNWRITABLE', `${folder} cannot be made`, { cause });
  });
  const write = async (name: string, text: string): Promise<string> => {
    const file = path.join(folder, name);
    await writeFileAtomically(file, (append) => append(new TextEncoder().encode(text)));
    return file;
  };
  const title = `# ${results.command}, ${results.createdAt}`;
  return {
    html: await write('report.html', precisionsHtml(results, 'report.json')),
    json: await write('report.json', `${JSON.stringify(results, null, 2)}\n`),
    markdown: await write('report.md', `${[title, '', ...precisionsMarkdown(results)].join('\n')}\n`),
  };
}
