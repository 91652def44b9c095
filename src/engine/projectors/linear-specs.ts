import type { Linear } from '../blocks/linear.js';
import type { Weights, WeightSpec } from '../weights.js';

/** A matrix [input, output] and its bias, under llama.cpp's names. */
export function linearSpecs(name: string, input: number, output: number): WeightSpec[] {
  return [
    { name: `${name}.weight`, shape: [input, output], use: 'matmul' },
    { name: `${name}.bias`, shape: [output], use: 'vector' },
  ];
}

/** The two of {@link linearSpecs}, loaded. */
export function linearWeights(weights: Weights, name: string): Linear {
  return { weight: weights.get(`${name}.weight`), bias: weights.get(`${name}.bias`) };
}
