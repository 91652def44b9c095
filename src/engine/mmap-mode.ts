/** As llama.cpp's `--mmap`, with a choice by memory in between. */
export const MMAP_MODES = ['auto', 'on', 'off'] as const;
export type MmapMode = (typeof MMAP_MODES)[number];
