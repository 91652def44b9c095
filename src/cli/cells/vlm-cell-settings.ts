import { type Static, Type } from 'typebox';
import { DEVICES, QUANTIZATIONS, RUNTIME_NAMES } from '../../core/runtime.js';

const count = (minimum: number, maximum: number) => Type.Optional(Type.Integer({ minimum, maximum }));

/** What `bench vlm` measures, by the names of its options; what is absent takes their default. */
export const VlmCellSettings = Type.Object(
  {
    model: Type.String({ minLength: 1 }),
    image_dir: Type.String({ minLength: 1 }),
    mmproj: Type.Optional(Type.String({ minLength: 1 })),
    runtime: Type.Optional(Type.Enum([...RUNTIME_NAMES])),
    device: Type.Optional(Type.Enum([...DEVICES])),
    quantization: Type.Optional(Type.Enum([...QUANTIZATIONS])),
    precision: Type.Optional(Type.String({ minLength: 1 })),
    samples: count(1, 1_000_000),
    warmup: count(0, 1000),
    prompt: Type.Optional(Type.String({ minLength: 1 })),
    max_tokens: count(1, 1_000_000),
    batch: count(1, 256),
    logit_pictures: count(0, 1000),
    threads: count(1, 512),
    context: count(1, 16_777_216),
    url: Type.Optional(Type.String({ minLength: 1 })),
    llama_server: Type.Optional(Type.String({ minLength: 1 })),
    allow_remote_code: Type.Optional(Type.Boolean()),
  },
  { additionalProperties: false },
);
export type VlmCellSettings = Static<typeof VlmCellSettings>;
