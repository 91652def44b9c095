import { AutoModelForImageTextToText, AutoProcessor, RawImage, Tensor, env } from '@huggingface/transformers';

import type { Raster } from '../../src/data/scenes/raster.js';

/** A picture and a question as Transformers.js' own processor prepares them. */
export interface PreparedInputs {
  readonly ids: number[];
  /** Values the tower gets: picture by picture, channel by channel, row by row. */
  readonly pixels: Float32Array;
}

/** A folder written by `export_onnx.py`, loaded by Transformers.js from disk; the network is out of bounds. */
export interface TransformersJsModel {
  prepare(picture: Raster, question: string): Promise<PreparedInputs>;
  /** The logits after the prompt. */
  logits(picture: Raster, question: string): Promise<number[]>;
  /** The greedy answer. */
  answer(picture: Raster, question: string): Promise<string>;
  close(): Promise<void>;
}

/** @param root the folder that holds the folder `name` */
export async function openTransformersJs(root: string, name: string, dtype: 'fp32' | 'q8'): Promise<TransformersJsModel> {
  env.allowRemoteModels = false;
  env.localModelPath = root;
  const processor = await AutoProcessor.from_pretrained(name);
  const model = await AutoModelForImageTextToText.from_pretrained(name, {
    dtype,
    session_options: { intraOpNumThreads: 1, interOpNumThreads: 1 },
  });

  async function inputsOf({ side, pixels }: Raster, question: string): Promise<Record<string, unknown>> {
    const message = { role: 'user', content: [{ type: 'image' }, { type: 'text', text: question }] };
    const prompt = processor.apply_chat_template([message], { add_generation_prompt: true });
    const inputs: unknown = await processor(prompt, [new RawImage(pixels, side, side, 3)]);
    return { ...(inputs as object) };
  }

  return {
    async prepare(picture, question) {
      const inputs = await inputsOf(picture, question);
      return { ids: integers(tensor(inputs, 'input_ids')), pixels: floats(tensor(inputs, 'pixel_values')) };
    },
    async logits(picture, question) {
      const output: unknown = await model(await inputsOf(picture, question));
      const logits = tensor(output, 'logits');
      return [...floats(logits)].slice(-(logits.dims.at(-1) ?? NaN));
    },
    async answer(picture, question) {
      const inputs = await inputsOf(picture, question);
      const sequence = await model.generate(inputs);
      if (!(sequence instanceof Tensor)) throw new Error('generate() gave no tensor');
      const answer = integers(sequence).slice(integers(tensor(inputs, 'input_ids')).length);
      return processor.decode(answer, { skip_special_tokens: true }).trim();
    },
    async close() {
      await model.dispose();
    },
  };
}

function tensor(from: unknown, name: string): Tensor {
  const value: unknown = typeof from === 'object' && from !== null ? Reflect.get(from, name) : undefined;
  if (!(value instanceof Tensor)) throw new Error(`Transformers.js gave no tensor ${name}`);
  return value;
}

function integers({ data }: Tensor): number[] {
  if (!(data instanceof BigInt64Array)) throw new Error('not an int64 tensor');
  return Array.from(data, Number);
}

function floats({ data }: Tensor): Float32Array {
  if (!(data instanceof Float32Array)) throw new Error('not a float32 tensor');
  return data;
}
