#!/bin/sh
# Installs EdgeVLM: see ./setup.sh --help and docs/DEPLOYMENT.md.
exec "$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)/deploy/setup.sh" "$@"
