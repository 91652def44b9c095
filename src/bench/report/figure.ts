import type { ChartText } from './charts/svg.js';
import { html, type Html } from './html.js';
import { htmlTable, type ReportTable } from './table.js';

/** A chart with what it means above and its numbers below. */
export function figure({ title, description }: ChartText, chart: Html, table: ReportTable): Html {
  return html`<figure>
    <figcaption>
      <h3>${title}</h3>
      <p>${description}</p>
    </figcaption>
    <div class="chart">${chart}</div>
    ${htmlTable(table)}
  </figure> `;
}
