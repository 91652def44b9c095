import type { CatalogueFile } from './model-entry.js';

/** What `models/shapes` holds, by model; written by scripts/shapes-files.ts. */
export const SHAPES_FILES = {
  shapes: [
    shipped('shapes/hf/chat_template.jinja', 'other', 403, '830005085ddd94cec605b6e21b885b28ffad6e3f82ee6a212c523533e8f04f01'),
    shipped('shapes/hf/config.json', 'other', 1466, '48dfeedf916c039147972a39e7d6fc2a2e5b067e9868f61fbaea2c93cc4e8213'),
    shipped('shapes/hf/generation_config.json', 'other', 148, '0cb888a55459653b64d11eb05c7dd385c262ddfbb15344a3c85628e7664bfa23'),
    shipped('shapes/hf/model.safetensors', 'other', 7920696, '38ce0b992e39449bfd59a99447591ccf68ab5377bae98a7629ff5e386ed829c0'),
    shipped('shapes/hf/preprocessor_config.json', 'other', 443, 'a195e441a63769eb2ccd5863434a5d2c4d01f8e13cb4862e3b81613b2d09b579'),
    shipped('shapes/hf/processor_config.json', 'other', 585, 'dc2b6ce4ed1590d6b22868d7a40478cada3062005de66d8f4593a54e0d4ee83e'),
    shipped('shapes/hf/tokenizer.json', 'other', 47539, 'bf6d14b631de54627b811abe19e67809ab495fcac7e190a56eba419943680b77'),
    shipped('shapes/hf/tokenizer_config.json', 'other', 467, '6824b11b4b31e2cb6999adc809f5f853cbf2c6fb4501e75414f447691c68fec8'),
    shipped('shapes/mmproj-shapes-f16.gguf', 'mmproj', 2293952, 'e6a273447735c9bd3ca7239cb8555da30a861b9597adcd5255721b38124049b0'),
    shipped('shapes/onnx/config.json', 'other', 1519, 'd5f295303775cacd29b006b70dc4bc084e6bc01c34552ec3a69a8c47ec78d86c'),
    shipped('shapes/onnx/generation_config.json', 'other', 148, '0cb888a55459653b64d11eb05c7dd385c262ddfbb15344a3c85628e7664bfa23'),
    shipped(
      'shapes/onnx/onnx/decoder_model_merged_quantized.onnx',
      'other',
      3112131,
      '9615e70e3b6970bf35347f58021fbd6c7179f4cf4d634d0657dd8fcae81ffc44',
    ),
    shipped(
      'shapes/onnx/onnx/embed_tokens_quantized.onnx',
      'other',
      164367,
      '7e344408b2cf29ba80242c1b97fa3201103483a85f989378d4c2ef2bcac804ec',
    ),
    shipped(
      'shapes/onnx/onnx/vision_encoder_quantized.onnx',
      'other',
      1145062,
      '574dc7bb75bf264f0a420fec8222319e295f9db39d91628cd4fcfc3159a1e92b',
    ),
    shipped('shapes/onnx/preprocessor_config.json', 'other', 485, 'd27a46c6a45ba31324d6e212affd6e08ee7cea1854c854349bf19a37e9e45e72'),
    shipped('shapes/onnx/processor_config.json', 'other', 585, 'dc2b6ce4ed1590d6b22868d7a40478cada3062005de66d8f4593a54e0d4ee83e'),
    shipped('shapes/onnx/tokenizer.json', 'other', 47539, 'bf6d14b631de54627b811abe19e67809ab495fcac7e190a56eba419943680b77'),
    shipped('shapes/onnx/tokenizer_config.json', 'other', 900, '1c2c1a024ee82a1585172e4e696a2846db90b9fd3ac0f7d51cb589d15aff365c'),
    shipped('shapes/shapes-f16.gguf', 'model', 5870240, '2fe1686526bb9c2e181b8148ae723aaa1e2856fdf3f8e0365333bcddadfd9f67'),
  ],
  'shapes-draft': [
    shipped('shapes/draft/chat_template.jinja', 'other', 403, '830005085ddd94cec605b6e21b885b28ffad6e3f82ee6a212c523533e8f04f01'),
    shipped('shapes/draft/config.json', 'other', 715, '72753f71a85963b21942fca92151dd219132bd24c24f7144bef69797cb1c6194'),
    shipped('shapes/draft/generation_config.json', 'other', 148, '0cb888a55459653b64d11eb05c7dd385c262ddfbb15344a3c85628e7664bfa23'),
    shipped('shapes/draft/model.safetensors', 'other', 757040, '4ef62fb156f7226d77cb3cfce41630fdb10354a3678e58edb9115b2699379a69'),
    shipped('shapes/draft/tokenizer.json', 'other', 47539, 'bf6d14b631de54627b811abe19e67809ab495fcac7e190a56eba419943680b77'),
    shipped('shapes/draft/tokenizer_config.json', 'other', 425, 'd878738ce279959cb379071a6d1fe195fbacec3e2d20ae053d1ef331bbe69c14'),
    shipped('shapes/shapes-draft-f16.gguf', 'model', 773184, 'd7eb21b3ab7209988fe495c6f4ee19911dc67544a566776f8068704f0f6850de'),
  ],
  'shapes-draft-vision': [
    shipped('shapes/draft-vision/chat_template.jinja', 'other', 403, '830005085ddd94cec605b6e21b885b28ffad6e3f82ee6a212c523533e8f04f01'),
    shipped('shapes/draft-vision/config.json', 'other', 715, '5b07bef4e788b5eccc98c8da4ee7a6b1cf66ba7934a9fc312f8ce5bb91944012'),
    shipped('shapes/draft-vision/generation_config.json', 'other', 148, '0cb888a55459653b64d11eb05c7dd385c262ddfbb15344a3c85628e7664bfa23'),
    shipped('shapes/draft-vision/model.safetensors', 'other', 1118768, 'ddd5408c784bb20c5607479427683581516b80896175286fd9721c73908e9f16'),
    shipped('shapes/draft-vision/tokenizer.json', 'other', 47539, 'bf6d14b631de54627b811abe19e67809ab495fcac7e190a56eba419943680b77'),
    shipped('shapes/draft-vision/tokenizer_config.json', 'other', 425, 'd878738ce279959cb379071a6d1fe195fbacec3e2d20ae053d1ef331bbe69c14'),
    shipped('shapes/shapes-draft-vision-f16.gguf', 'model', 1136224, 'c8907e402655de26e86650b17adb0494dc9858f0fcb841751db9f7a8d150241a'),
  ],
} as const satisfies Record<string, readonly CatalogueFile[]>;

function shipped(path: string, role: CatalogueFile['role'], bytes: number, sha256: string): CatalogueFile {
  return { path, as: path, role, bytes, sha256, listedSize: null };
}
