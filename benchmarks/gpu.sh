#!/usr/bin/env bash
# Everything that only a GPU can show, in one table and under eight minutes, from the source tree:
#   benchmarks/gpu.sh --out gpu.md          on the first GPU
#   benchmarks/gpu.sh --device cpu --quick  the same steps in small, on any machine
# It needs torch, timm, numpy, pillow, networkx; neither Qt nor network. PYTHON names another interpreter.
set -u
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
called_from=$PWD
cd "$here/.."
export PYTHONPATH="$PWD" HF_HUB_OFFLINE=1
exec "${PYTHON:-python3}" -m benchmarks.gpu --folder "$called_from" "$@"
