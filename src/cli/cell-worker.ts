import { serveCells } from '../bench/plans/serve-cells.js';
import { CELL_RUNNERS } from './cells/cell-runners.js';

await serveCells(CELL_RUNNERS);
