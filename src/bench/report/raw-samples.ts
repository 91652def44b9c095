import { asNumber } from './figures.js';
import { html, type Html } from './html.js';
import type { LabelledRun } from './labelled-run.js';

/** More values than this would make the page slow to open. */
const MAX_VALUES = 30_000;

/** Every sample as it was taken, to six digits, folded away. @param elsewhere where the values are when they are too many to show */
export function rawSamples(runs: readonly LabelledRun[], elsewhere: string): Html {
  const lists = runs.flatMap(({ label, record }) => record.samples.map((samples) => ({ label, ...samples })));
  const total = lists.reduce((sum, { values, warmup = [] }) => sum + values.length + warmup.length, 0);
  if (total > MAX_VALUES) return html`<p>${total.toLocaleString('en')} raw samples are in ${elsewhere}.</p> `;
  const items = lists.map(
    ({ label, name, unit, values, warmup = [] }) =>
      html`<dt>${label}, ${name}, ${unit}</dt>
        ${warmup.length > 0 ? html`<dd>before, to warm up: ${numbers(warmup)}</dd> ` : ''}
        <dd>${numbers(values)}</dd> `,
  );
  return html`<details>
    <summary>Raw samples, in the order they were taken</summary>
    <dl>${items}</dl>
  </details> `;
}

function numbers(values: readonly number[]): string {
  return values.map((value) => asNumber(value).text).join(' ');
}
