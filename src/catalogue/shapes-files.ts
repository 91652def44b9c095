import type { CatalogueFile } from './model-entry.js';

/** What `models/shapes` holds, by model; written by scripts/shapes-files.ts. */
export const SHAPES_FILES = {
  shapes: [
    shipped('shapes/hf/chat_template.jinja', 'other', 403, '830005085ddd94cec605b6e21b885b28ffad6e3f82ee6a212c523533e8f04f01'),
    shipped('shapes/hf/config.json', 'other', 1466, '48dfeedf916c039147972a39e7d6fc2a2e5b067e9868f61fbaea2c93cc4e8213'),
    shipped('shapes/hf/generation_config.json', 'other', 148, '0cb888a55459653b64d11eb05c7dd385c262ddfbb15344a3c85628e7664bfa23'),
    shipped('shapes/hf/model.safetensors', 'other', 7920696, 'fd4ea7bd444db8a8722d68b211f07b537f9725c22fb2a67f570985add5d069df'),
    shipped('shapes/hf/preprocessor_config.json', 'other', 443, 'a195e441a63769eb2ccd5863434a5d2c4d01f8e13cb4862e3b81613b2d09b579'),
    shipped('shapes/hf/processor_config.json', 'other', 585, 'dc2b6ce4ed1590d6b22868d7a40478cada3062005de66d8f4593a54e0d4ee83e'),
    shipped('shapes/hf/tokenizer.json', 'other', 47417, 'b2ede06b480cd30feb9ef2a99af8306639b32306f32f67f975720e10b4502c66'),
    shipped('shapes/hf/tokenizer_config.json', 'other', 467, '6824b11b4b31e2cb6999adc809f5f853cbf2c6fb4501e75414f447691c68fec8'),
    shipped('shapes/mmproj-shapes-f16.gguf', 'mmproj', 2293952, '1e0733497e253b68653ad10d90fdbfc1ee0bd084bd973f135308e967c36a0987'),
    shipped('shapes/onnx/config.json', 'other', 1519, 'd5f295303775cacd29b006b70dc4bc084e6bc01c34552ec3a69a8c47ec78d86c'),
    shipped('shapes/onnx/generation_config.json', 'other', 148, '0cb888a55459653b64d11eb05c7dd385c262ddfbb15344a3c85628e7664bfa23'),
    shipped(
      'shapes/onnx/onnx/decoder_model_merged_quantized.onnx',
      'other',
      3111577,
      '51493a8c3ffb05b3a032f938ad695d813ddc427fc640487fb80c4459e356c0e1',
    ),
    shipped(
      'shapes/onnx/onnx/embed_tokens_quantized.onnx',
      'other',
      164367,
      'e409b6383939e63fd15058f20c05afe736fa921451c21921886c8928d8a11dfb',
    ),
    shipped(
      'shapes/onnx/onnx/vision_encoder_quantized.onnx',
      'other',
      1145014,
      '9d4718f0b0fd1c85ca3313b31430aa9a84310e5260341799459c9055d7a65557',
    ),
    shipped('shapes/onnx/preprocessor_config.json', 'other', 485, 'd27a46c6a45ba31324d6e212affd6e08ee7cea1854c854349bf19a37e9e45e72'),
    shipped('shapes/onnx/processor_config.json', 'other', 585, 'dc2b6ce4ed1590d6b22868d7a40478cada3062005de66d8f4593a54e0d4ee83e'),
    shipped('shapes/onnx/tokenizer.json', 'other', 47417, 'b2ede06b480cd30feb9ef2a99af8306639b32306f32f67f975720e10b4502c66'),
    shipped('shapes/onnx/tokenizer_config.json', 'other', 900, '1c2c1a024ee82a1585172e4e696a2846db90b9fd3ac0f7d51cb589d15aff365c'),
    shipped('shapes/shapes-f16.gguf', 'model', 5870240, 'cb491082556d157197149ab4ed5fa6528b0682f2ad747c0ae4b9fd84ef7ee196'),
  ],
  'shapes-draft': [
    shipped('shapes/draft/chat_template.jinja', 'other', 403, '830005085ddd94cec605b6e21b885b28ffad6e3f82ee6a212c523533e8f04f01'),
    shipped('shapes/draft/config.json', 'other', 715, '72753f71a85963b21942fca92151dd219132bd24c24f7144bef69797cb1c6194'),
    shipped('shapes/draft/generation_config.json', 'other', 148, '0cb888a55459653b64d11eb05c7dd385c262ddfbb15344a3c85628e7664bfa23'),
    shipped('shapes/draft/model.safetensors', 'other', 757040, '0d743c0744e53dd1ac1f8d6df061c90657f4f2e2ece9e732ab5a1ef58b6223f9'),
    shipped('shapes/draft/tokenizer.json', 'other', 47417, 'b2ede06b480cd30feb9ef2a99af8306639b32306f32f67f975720e10b4502c66'),
    shipped('shapes/draft/tokenizer_config.json', 'other', 425, 'd878738ce279959cb379071a6d1fe195fbacec3e2d20ae053d1ef331bbe69c14'),
    shipped('shapes/shapes-draft-f16.gguf', 'model', 773184, 'e75c545327daf5ad7bcbbc10db31df38bcb809792fc5b6ed0f6a0f5e8001311a'),
  ],
  'shapes-draft-vision': [
    shipped('shapes/draft-vision/chat_template.jinja', 'other', 403, '830005085ddd94cec605b6e21b885b28ffad6e3f82ee6a212c523533e8f04f01'),
    shipped('shapes/draft-vision/config.json', 'other', 715, '5b07bef4e788b5eccc98c8da4ee7a6b1cf66ba7934a9fc312f8ce5bb91944012'),
    shipped('shapes/draft-vision/generation_config.json', 'other', 148, '0cb888a55459653b64d11eb05c7dd385c262ddfbb15344a3c85628e7664bfa23'),
    shipped('shapes/draft-vision/model.safetensors', 'other', 1118768, '07771398cfb15f00caa2e3eb6301c625ae2b92d717c6e92b0526dfb11837e0ae'),
    shipped('shapes/draft-vision/tokenizer.json', 'other', 47417, 'b2ede06b480cd30feb9ef2a99af8306639b32306f32f67f975720e10b4502c66'),
    shipped('shapes/draft-vision/tokenizer_config.json', 'other', 425, 'd878738ce279959cb379071a6d1fe195fbacec3e2d20ae053d1ef331bbe69c14'),
    shipped('shapes/shapes-draft-vision-f16.gguf', 'model', 1136224, 'b503d3ac651d8a18aa7e7c25708ec731b52e372e38b0293ad13cee9fc24890f4'),
  ],
} as const satisfies Record<string, readonly CatalogueFile[]>;

function shipped(path: string, role: CatalogueFile['role'], bytes: number, sha256: string): CatalogueFile {
  return { path, as: path, role, bytes, sha256, listedSize: null };
}
