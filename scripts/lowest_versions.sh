#!/usr/bin/env bash
# Make an environment of the lowest versions that pyproject.toml allows, on the torch that is installed here,
# and run tests in it.
#
#     scripts/lowest_versions.sh [arguments of pytest, else: -m "not slow"]
#
# Needs uv (`pip install uv`) and the environment that `make test` makes, which it leaves as it is: torch and
# what comes with it are links into that one, all else is a copy of its own (1 GB at LOWEST, kept for the
# next call while pyproject.toml stays the same). Stages that tests start run in it, too. A bound that does
# not work is raised.
set -euo pipefail
cd "$(dirname "$0")/.."
python=${PYTHON:-.venv/bin/python}
folder=${LOWEST:-${TMPDIR:-/tmp}/dejavu-lowest}
heavy='torch|torchvision|torchgen|functorch|triton|nvidia|cuda'
mkdir -p "$folder"
if ! cmp -s pyproject.toml "$folder/pyproject.toml"; then
  "$python" -c 'import torch, torchvision; print(f"torch=={torch.__version__}", f"torchvision=={torchvision.__version__}", sep="\n")' |
    sed 's/+.*//' > "$folder/torch.txt"
  uv pip compile -q pyproject.toml --extra dev --resolution lowest-direct --python "$python" \
    --override "$folder/torch.txt" --no-annotate --no-header -o "$folder/all.txt"
  grep -vE "^($heavy)(==|-| )" "$folder/all.txt" > "$folder/wanted.txt"
  uv venv -q --clear --seed --python "$python" "$folder/env"
  uv pip install -q --python "$folder/env/bin/python" --no-deps -r "$folder/wanted.txt"
  site='import sysconfig; print(sysconfig.get_path("purelib"))'
  theirs=$("$python" -c "$site") ours=$("$folder/env/bin/python" -c "$site")
  find "$theirs" -maxdepth 1 -regextype posix-extended -regex ".*/($heavy)([-._][^/]*)?" -exec ln -sfn -t "$ours" {} +
  cp pyproject.toml "$folder/pyproject.toml"
fi
[ $# -gt 0 ] || set -- -m "not slow"
PATH="$folder/env/bin:$PATH" PYTHONPATH="$PWD" exec "$folder/env/bin/python" -m pytest -q "$@"
