import type { GgufFile } from '../formats/gguf/read-gguf.js';

/** What parts of a decoder cost, in layers, by weights read for one token. */
export interface LayerCosts {
  /** The head. */
  readonly head: number;
  /** Keys and values of one layer. */
  readonly keysAndValues: number;
}

/** Reads them off the tensors' sizes; names are llama.cpp's. */
export function layerCosts({ tensors }: GgufFile, layers: number): LayerCosts {
  const bytesOf = (belongs: (name: string) => boolean): number =>
    tensors.filter(({ name }) => belongs(name)).reduce((sum, { bytes }) => sum + bytes, 0);
  const layer = bytesOf((name) => name.startsWith('blk.')) / layers;
  const head = bytesOf((name) => name === 'output.weight') || bytesOf((name) => name === 'token_embd.weight');
  const keysAndValues = bytesOf((name) => /^blk\.\d+\.attn_[kv]\./.test(name)) / layers;
  return { head: head / layer, keysAndValues: keysAndValues / layer };
}
