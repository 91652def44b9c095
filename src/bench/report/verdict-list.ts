import { html, type Html } from './html.js';
import type { LabelledRun } from './labelled-run.js';

/** What the runs were found to be, each verdict with the figures behind it. */
export function verdictList(runs: readonly LabelledRun[]): Html {
  const items = runs.flatMap(({ label, record }) =>
    record.verdicts.map(
      ({ name, outcome, detail }) =>
        html`<li><span class="${outcome}">${outcome}</span> <strong>${label}</strong> <span>${name}: ${detail}</span></li> `,
    ),
  );
  return items.length === 0
    ? html`<p>None was asked for.</p> `
    : html`<ul class="verdicts">
        ${items}
      </ul> `;
}
