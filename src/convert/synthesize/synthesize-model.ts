import { EdgeVlmError } from '../../core/errors.js';
import type { Progress } from '../../core/progress.js';
import type { GgufValue } from '../../formats/gguf/gguf-value.js';
import { tensorBytes, type GgmlType } from '../../formats/gguf/ggml-types.js';
import { writeGguf, type GgufTensorSource } from '../../formats/gguf/write-gguf.js';
import { CLIP_PROCESSOR, clipTower } from '../clip-tower.js';
import { generalMetadata } from '../general-metadata.js';
import { idefics3Tower } from '../idefics3-tower.js';
import { llamaDecoder } from '../llama-decoder.js';
import { writtenShape, type ModelHalf, type TensorPlan } from '../model-half.js';
import { storedType } from '../output-type.js';
import { encodeRows } from '../quantise/encode-rows.js';
import { QUANTISE_TYPES, type QuantiseType } from '../quantise/quantised-type.js';
import { keptReason, targetType } from '../quantise/target-type.js';
import { plantChain, type PlantedChain } from './planted-chain.js';
import { SHAPES, type ModelShape, type ShapeName } from './shapes.js';
import { syntheticVocabulary } from './synthetic-vocabulary.js';
import { weightRows } from './weight-rows.js';

/** The halves of a model, by `general.architecture`. */
export const SYNTHETIC_ARCHITECTURES = ['llama', 'clip'] as const;
export type SyntheticArchitecture = (typeof SYNTHETIC_ARCHITECTURES)[number];

export interface SynthesizeRequest {
  readonly shape: ShapeName;
  readonly architecture: SyntheticArchitecture;
  /** What matrices are written as; mixes as libllama makes them. */
  readonly type: QuantiseType;
  /** Of the weights. The same request gives the same file, byte for byte. */
  readonly seed: number;
  /** Plants a chain of next tokens; see `plantChain`. Decoders only. */
  readonly planted?: { readonly seed: number; readonly agree: number } | undefined;
  /** The GGUF file to write; one that exists is replaced. */
  readonly out: string;
  readonly threads: number;
}

export interface SynthesizeHooks {
  readonly onProgress?: Progress | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface SynthesizeReport {
  readonly path: string;
  readonly bytes: number;
  readonly parameters: number;
  readonly tensorsByType: Readonly<Record<string, number>>;
}

/**
 * Writes a model of a published model's sizes with random or planted weights: it takes the time and bytes of the real one, and its
 * answers mean nothing. A few million numbers are in memory at a time, and one tensor as it is stored.
 * @throws EdgeVlmError USAGE for a half that the shape has not, or a chain in a tower; as `writeGguf` and `encodeRows`
 */
export async function synthesizeModel(request: SynthesizeRequest, { onProgress, signal }: SynthesizeHooks = {}): Promise<SynthesizeReport> {
  const { shape, architecture, type, out, threads } = request;
  const { half, layers, vocabulary, chain } = plan(request);
  const context = { layers, tied: false };
  const tensors = [...half.tensors.values()]
    .filter(({ optional }) => optional !== true)
    .map((tensor): GgufTensorSource => {
      const { name } = tensor;
      const sizes = writtenShape(tensor).toReversed();
      const stored = typeOf(tensor, sizes, type, context);
      const [rowLength = 1, ...others] = sizes;
      const rows = others.reduce((product, size) => product * size, 1);
      const fanIn = tensor.shape.slice(1).reduce((product, size) => product * size, 1);
      const fill = weightRows(name, fanIn, { seed: request.seed, layers, chain });
      return {
        name,
        type: stored,
        shape: sizes,
        data: () =>
          encodeRows({ type: stored, rowLength, rows, threads, signal }, (into, first, count) => {
            for (let i = 0; i < count; i++) fill(into.subarray(i * rowLength, (i + 1) * rowLength), first + i);
          }),
      };
    });
  const metadata = new Map<string, GgufValue>([
    ...generalMetadata(architecture, architecture === 'clip' ? 'mmproj' : 'model', shape, tensors),
    ...half.metadata,
    ...describe(request),
    ...vocabulary,
  ]);
  const bytes = await writeGguf(out, { metadata, tensors }, { onProgress, signal });
  return { path: out, bytes, ...count(tensors) };
}

interface Plan {
  readonly half: ModelHalf;
  readonly layers: number;
  readonly vocabulary: readonly [string, GgufValue][];
  readonly chain: PlantedChain | undefined;
}

function plan({ shape, architecture, planted }: SynthesizeRequest): Plan {
  const { decoder, vision }: ModelShape = SHAPES[shape];
  if (architecture === 'clip') {
    if (vision === undefined) throw new EdgeVlmError('USAGE', `${shape} has no vision half`);
    if (planted !== undefined) throw new EdgeVlmError('USAGE', 'a chain of tokens cannot be planted in a vision half');
    const half =
      vision.kind === 'clip'
        ? clipTower(vision.tower, CLIP_PROCESSOR, shape)
        : idefics3Tower(vision.tower, { mean: SIGLIP_MEAN, std: SIGLIP_MEAN, longestEdge: LONGEST_TILES * vision.tower.imageSize });
    return { half, layers: vision.tower.layers, vocabulary: [], chain: undefined };
  }
  if (decoder === undefined) throw new EdgeVlmError('USAGE', `${shape} has no language half`);
  const { firstWord, metadata } = syntheticVocabulary(decoder.vocabSize, { images: vision?.kind === 'idefics3' });
  const chain = planted === undefined ? undefined : plantChain(planted.seed, firstWord, decoder.vocabSize, planted.agree);
  return { half: llamaDecoder(decoder), layers: decoder.layers, vocabulary: metadata, chain };
}

/** SigLIP's mean and deviation, and into how many tiles SmolVLM cuts the longer side of a picture. */
const SIGLIP_MEAN = [0.5, 0.5, 0.5];
const LONGEST_TILES = 4;

function typeOf(
  plan: TensorPlan,
  shape: readonly number[],
  wanted: QuantiseType,
  context: { readonly layers: number; readonly tied: boolean },
): GgmlType {
  const written = writtenShape(plan);
  const plain = plan.full === true ? 'f32' : storedType(plan.name, written, 'f16');
  const tensor = { name: plan.name, type: plain, shape };
  return keptReason(tensor) === undefined ? targetType(tensor, wanted, context).type : plain;
}

/** Says in the file itself what it is. */
function describe({ shape, type, seed, planted }: SynthesizeRequest): [string, GgufValue][] {
  const what = planted === undefined ? 'random weights' : `planted chain ${planted.seed}, agree ${planted.agree}`;
  return [
    ['general.name', { type: 'string', value: `Synthetic ${shape} (${what})` }],
    ['general.description', { type: 'string', value: 'Made to measure time and bytes at true size. Its answers mean nothing.' }],
    ['general.file_type', { type: 'u32', value: QUANTISE_TYPES[type].fileType }],
    ['general.quantization_version', { type: 'u32', value: QUANTIZATION_VERSION }],
    ['edgevlm.synthetic.shape', { type: 'string', value: shape }],
    ['edgevlm.synthetic.seed', { type: 'u32', value: seed }],
    ...(planted === undefined
      ? []
      : ([
          ['edgevlm.synthetic.chain_seed', { type: 'u32', value: planted.seed }],
          ['edgevlm.synthetic.agree', { type: 'f64', value: planted.agree }],
        ] satisfies [string, GgufValue][])),
  ];
}

/** Version 2 of ggml's block layouts, as `GGML_QNT_VERSION` in ggml.h. */
const QUANTIZATION_VERSION = 2;

function count(tensors: readonly GgufTensorSource[]): Pick<SynthesizeReport, 'parameters' | 'tensorsByType'> {
  const tensorsByType: Record<string, number> = {};
  let parameters = 0;
  for (const { type, shape } of tensors) {
    if (tensorBytes(type, shape) === undefined) throw new EdgeVlmError('INTERNAL', `rows of ${shape[0] ?? 1} cannot be ${type}`);
    tensorsByType[type] = (tensorsByType[type] ?? 0) + 1;
    parameters += shape.reduce((product, size) => product * size, 1);
  }
  return { parameters, tensorsByType };
}
