/**
 * Options of Node for a cell's process. V8 lets its youngest objects grow to 48 MiB before it looks at them; a harness that makes a few
 * short-lived ones for each sample is as quick with 6, and the memory it reports is the model's.
 */
export const CELL_EXEC_ARGV = ['--max-semi-space-size=2'] as const;
