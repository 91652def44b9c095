#!/usr/bin/env bash
# Measures every combination of runtime, device and quantization that this machine has, as one experiment of MLflow:
#   run_benchmarks.sh [IMAGE_DIR [SAMPLES [more options of `edgevlm bench vlm`]]]
# CUDA is detected, the processor gets half of the pictures, and what was interrupted goes on when it is run again.
set -euo pipefail
root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd)
if [[ ! -f "$root/dist/cli/main.js" ]]; then
  echo "run_benchmarks.sh: EdgeVLM is not built: run 'npm ci && npm run build' in its folder first" >&2
  exit 69
fi
exec node "$root/dist/cli/main.js" bench vlm --matrix --image-dir "${1:-data/test_images}" --samples "${2:-10}" "${@:3}"
