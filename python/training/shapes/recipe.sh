#!/usr/bin/env bash
# Makes models/shapes from nothing: draws the data, trains the model and its drafts, scores and exports them. Run it again to go on
# where it stopped. Needs a built checkout (`npm run build`) and the packages of requirements.txt; WORK is where data and runs go.
set -euo pipefail
recipe=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$recipe/../../.." && pwd)
work=${WORK:-$root/build/shapes}
python=${PYTHON:-python3}
models=$root/models/shapes
mkdir -p "$work"
cd "$work"

draw() { # KIND FOLDER OPTIONS...
  local kind=$1 folder=$2
  shift 2
  # The truths are the last to be written.
  [ -e "$folder/truths.jsonl" ] || [ -e "$folder/album.jsonl" ] || node "$root/dist/cli/main.js" data "$kind" --side 128 "$@" "$folder"
}
draw scenes rich-train --style rich --split train --seed 11 --count 60000
draw scenes plain-train --style plain --split train --seed 2 --count 40000 --max-objects 2
draw scenes rich-crowd --style rich --split train --seed 12 --count 40000 --max-objects 9
draw albums albums-train --style rich --split train --seed 1 --count 3000 --pictures 12
draw albums albums-questions --style rich --split train --seed 2 --count 4000 --pictures 12 --questions 40
draw albums albums-validation --style rich --split validation --seed 1 --count 100 --pictures 12
draw scenes rich-validation --style rich --split validation --seed 1 --count 1000
draw scenes rich-test --style rich --split test --seed 1 --count 1000
draw scenes plain-test --style plain --split test --seed 2 --count 1000 --max-objects 2

scenes=(--scenes rich-train plain-train)
talks=(--albums albums-questions)
"$python" "$recipe/train.py" "${scenes[@]}" --albums albums-train --tower-scenes rich-crowd --validation rich-validation --out run
"$python" "$recipe/train_albums.py" "${scenes[@]}" "${talks[@]}" --run run --validation rich-validation \
  --album-validation albums-validation --out run-albums
"$python" "$recipe/train_albums.py" "${scenes[@]}" "${talks[@]}" --run run-albums --validation rich-validation \
  --album-validation albums-validation --out run-prompts --steps 800 --rate 5e-4 --prompts tile --decoder-only
# Both models' pictures are the same tokens: the last phase left that half alone.
"$python" "$recipe/train_draft.py" "${scenes[@]}" "${talks[@]}" --run run-albums --out run-draft
"$python" "$recipe/train_draft.py" "${scenes[@]}" "${talks[@]}" --run run-albums --out run-draft-vision --vision

"$python" "$recipe/export.py" --runs run run-albums run-prompts --draft run-draft --draft-vision run-draft-vision --scenes rich-test plain-test --out "$models"
"$python" "$recipe/export_onnx.py" --model "$models/hf" --out "$models/onnx" --precision q8
"$python" "$recipe/export_onnx.py" --model "$models/hf" --out onnx-fp32 --precision fp32
node "$root/dist/cli/main.js" models convert "$models/hf" "$models/shapes-f16.gguf" --mmproj-out "$models/mmproj-shapes-f16.gguf" --name shapes
node "$root/dist/cli/main.js" models convert "$models/draft" "$models/shapes-draft-f16.gguf" --name shapes-draft
node "$root/dist/cli/main.js" models convert "$models/draft-vision" "$models/shapes-draft-vision-f16.gguf" --name shapes-draft-vision
"$python" "$recipe/make_fixtures.py" --model "$models/hf"
cd "$root"
npx tsx scripts/shapes-files.ts
