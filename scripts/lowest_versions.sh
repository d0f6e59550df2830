#!/usr/bin/env bash
# Run tests with the lowest versions that pyproject.toml allows, on the torch that is installed here.
#
#     scripts/lowest_versions.sh [arguments of pytest, else: -m "not slow"]
#
# Needs uv (`pip install uv`) and the environment that `make test` makes; changes neither. The versions go
# to a folder of their own, which Python looks into first. A bound that does not work is raised.
set -euo pipefail
cd "$(dirname "$0")/.."
python=${PYTHON:-.venv/bin/python}
folder=${LOWEST:-${TMPDIR:-/tmp}/dejavu-lowest}
mkdir -p "$folder"
"$python" -c 'import torch, torchvision; print(f"torch=={torch.__version__}", f"torchvision=={torchvision.__version__}", sep="\n")' |
  sed 's/+.*//' > "$folder/torch.txt"
uv pip compile -q pyproject.toml --extra dev --resolution lowest-direct --python "$python" \
  --override "$folder/torch.txt" --no-annotate --no-header -o "$folder/all.txt"
grep -vE '^(torch|torchvision|triton|nvidia-.*|cuda-.*)(==| )' "$folder/all.txt" > "$folder/wanted.txt"
uv pip install -q --python "$python" --target "$folder/site" --no-deps -r "$folder/wanted.txt"
[ $# -gt 0 ] || set -- -m "not slow"
PYTHONPATH="$folder/site:$PWD" exec "$python" -m pytest -q "$@"
