import { html } from './html.js';

/**
 * How reports look, on light and dark screens and on paper. Colours of parts differ in lightness as much as in hue, so that people
 * with any kind of colour vision tell neighbours apart.
 */
export const REPORT_STYLE = html`<style>
  :root {
    --paper: #fcfcfb;
    --ink: #1d2129;
    --quiet: #5d6470;
    --rule: #dfe1e5;
    --faint: #eceef1;
    --accent: #2a6099;
    --soft: #a9c4de;
    --good: #14705a;
    --bad: #a8431f;
    --p0: #3d6a9e;
    --p1: #e3b04b;
    --p2: #4a9c8c;
    --p3: #d7a3b4;
    --p4: #7a5c99;
    --p5: #dd9a78;
    --p6: #8f8d3c;
    --p7: #a7adb6;
  }
  @media (prefers-color-scheme: dark) {
    :root {
      --paper: #15181d;
      --ink: #e4e6ea;
      --quiet: #9aa2ae;
      --rule: #333a44;
      --faint: #242a32;
      --accent: #86b9ec;
      --soft: #3d6791;
      --good: #5cc2a5;
      --bad: #ec8f6a;
      --p0: #5585ba;
      --p1: #d9ab55;
      --p2: #438f80;
      --p3: #c895a8;
      --p4: #8468a8;
      --p5: #cf8b69;
      --p6: #8f8d48;
      --p7: #6f7782;
    }
  }
  * {
    box-sizing: border-box;
  }
  body {
    margin: 0;
    background: var(--paper);
    color: var(--ink);
    font:
      16px/1.55 system-ui,
      -apple-system,
      'Segoe UI',
      'DejaVu Sans',
      sans-serif;
  }
  main,
  footer {
    max-width: 62rem;
    margin: 0 auto;
    padding: 0 1.5rem;
  }
  header {
    padding-top: 3rem;
  }
  h1 {
    margin: 0 0 0.75rem;
    font-size: 1.9rem;
    line-height: 1.2;
    font-weight: 650;
    letter-spacing: -0.01em;
    overflow-wrap: anywhere;
  }
  h2 {
    margin: 3.25rem 0 1rem;
    padding-top: 0.9rem;
    border-top: 1px solid var(--rule);
    font-size: 1.25rem;
    font-weight: 650;
  }
  h3 {
    margin: 0;
    font-size: 1.02rem;
    font-weight: 650;
  }
  p,
  ul {
    margin: 0.35rem 0;
    max-width: 46rem;
  }
  ul {
    padding-left: 1.2rem;
  }
  li {
    margin: 0.3rem 0;
  }
  figure {
    margin: 0 0 2.75rem;
  }
  figcaption {
    margin-bottom: 1.1rem;
  }
  figcaption p,
  footer,
  caption {
    color: var(--quiet);
    font-size: 0.9rem;
  }
  .table {
    overflow-x: auto;
    margin-bottom: 1.75rem;
  }
  table {
    border-collapse: collapse;
    width: 100%;
    font-size: 0.875rem;
    line-height: 1.4;
    font-variant-numeric: tabular-nums;
  }
  caption {
    text-align: left;
    padding: 0.25rem 0;
  }
  th,
  td {
    padding: 0.38rem 1rem 0.38rem 0;
    text-align: left;
    vertical-align: top;
    border-bottom: 1px solid var(--faint);
    unicode-bidi: isolate;
  }
  thead th {
    color: var(--quiet);
    font-weight: 500;
    border-bottom-color: var(--rule);
    vertical-align: bottom;
  }
  tbody th {
    font-weight: 600;
  }
  th.number,
  td.number {
    text-align: right;
    padding: 0.38rem 0 0.38rem 1rem;
  }
  td {
    overflow-wrap: break-word;
  }
  td:last-child {
    overflow-wrap: anywhere;
  }
  td.number + td:not(.number),
  th.number + th:not(.number) {
    padding-left: 1.5rem;
  }
  data {
    white-space: nowrap;
  }
  td small {
    display: block;
    color: var(--quiet);
    white-space: nowrap;
  }
  .verdicts {
    max-width: none;
    padding: 0;
    list-style: none;
    font-size: 0.9rem;
  }
  .verdicts li {
    display: grid;
    grid-template-columns: 6.5rem 5rem 1fr;
    gap: 0 0.75rem;
    margin: 0;
    padding: 0.45rem 0;
    border-bottom: 1px solid var(--faint);
  }
  .verdicts li > * {
    overflow-wrap: anywhere;
  }
  .verdicts span:first-child {
    font-weight: 600;
  }
  .pass {
    color: var(--good);
  }
  .fail {
    color: var(--bad);
  }
  .inconclusive {
    color: var(--quiet);
  }
  @media (max-width: 40rem) {
    .verdicts li {
      grid-template-columns: auto 1fr;
    }
    .verdicts span:last-child {
      grid-column: 1 / -1;
    }
  }
  details {
    margin: 1rem 0;
  }
  summary {
    cursor: pointer;
    font-weight: 600;
  }
  dt {
    margin-top: 0.9rem;
    font-weight: 600;
    font-size: 0.875rem;
  }
  dd {
    margin: 0.15rem 0 0;
    color: var(--quiet);
    font-size: 0.8rem;
    font-variant-numeric: tabular-nums;
    overflow-wrap: anywhere;
  }
  footer {
    margin-top: 3rem;
    padding-bottom: 3rem;
    overflow-wrap: anywhere;
  }
  .chart {
    overflow-x: auto;
  }
  svg {
    display: block;
    width: 100%;
    min-width: 36rem;
    height: auto;
    margin-bottom: 1rem;
    overflow: visible;
  }
  svg text {
    fill: var(--ink);
    font-size: 13px;
  }
  svg .heading {
    font-weight: 650;
  }
  svg .value {
    font-weight: 600;
    font-size: 12.5px;
    paint-order: stroke;
    stroke: var(--paper);
    stroke-width: 3px;
    stroke-linejoin: round;
  }
  svg .note,
  svg .tick {
    fill: var(--quiet);
    font-size: 12px;
  }
  svg .grid {
    stroke: var(--faint);
  }
  svg .bar {
    fill: var(--soft);
  }
  svg .dot {
    fill: var(--accent);
  }
  svg .whisker {
    stroke: var(--accent);
    stroke-width: 2;
    stroke-linecap: round;
  }
  svg .sample {
    fill: var(--accent);
    fill-opacity: 0.55;
  }
  svg .median {
    stroke: var(--ink);
    stroke-width: 1.5;
  }
  svg .part {
    stroke: var(--paper);
    stroke-width: 1;
  }
  svg .p0 {
    fill: var(--p0);
  }
  svg .p1 {
    fill: var(--p1);
  }
  svg .p2 {
    fill: var(--p2);
  }
  svg .p3 {
    fill: var(--p3);
  }
  svg .p4 {
    fill: var(--p4);
  }
  svg .p5 {
    fill: var(--p5);
  }
  svg .p6 {
    fill: var(--p6);
  }
  svg .p7 {
    fill: var(--p7);
  }
  svg .line {
    fill: none;
    stroke-width: 1.75;
    stroke-linejoin: round;
  }
  svg .line.dashed {
    stroke-dasharray: 6 3;
  }
  svg .roof {
    fill: none;
    stroke: var(--ink);
    stroke-width: 1.5;
  }
  svg .line.p0 {
    stroke: var(--p0);
  }
  svg .line.p1 {
    stroke: var(--p1);
  }
  svg .line.p2 {
    stroke: var(--p2);
  }
  svg .line.p3 {
    stroke: var(--p3);
  }
  svg .line.p4 {
    stroke: var(--p4);
  }
  svg .line.p5 {
    stroke: var(--p5);
  }
  svg .line.p6 {
    stroke: var(--p6);
  }
  svg .line.p7 {
    stroke: var(--p7);
  }
  @media print {
    body {
      font-size: 11px;
    }
    figure,
    tr {
      break-inside: avoid;
    }
  }
</style>`;
