#!/usr/bin/env bash
# Makes a Python environment with pinned packages, without their dependencies, and prints the path of its python. Safe to
# run again: what is there, and imports, is kept.
#   dev/python.sh <name> <requirements.txt> <statement that must work>
# It goes to $LEARNFLOW_CACHE/tools (default ~/.cache/learnflow/tools) and needs python3 (3.11 or newer), pip and, the
# first time, a package index.
set -euo pipefail
name=$1 pins=$2 statement=$3

fail() { echo "$name: $*" >&2; exit 1; }

tools=${LEARNFLOW_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/learnflow}/tools
venv=$tools/python-$name-$(sha256sum <"$pins" | cut -c 1-12)
works() { "$venv/bin/python" -c "$statement" 2>/dev/null; }

mkdir -p "$tools"
# Two tests at once would build it twice.
exec 9>"$venv.lock"
flock 9

if ! works; then
  command -v python3 >/dev/null || fail "python3 is missing: run dev/setup.sh"
  python3 -m pip --version >/dev/null 2>&1 || fail "pip is missing: run dev/setup.sh"
  python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' || fail "$(python3 --version) is too old: 3.11 is needed"
  echo "$name: installing $(grep -v '^#' "$pins" | xargs) into $venv" >&2
  rm -rf "$venv"
  # Debian ships the venv module without its pip; the machine's pip serves.
  { python3 -m venv --without-pip "$venv" &&
    python3 -m pip --python "$venv/bin/python" install --quiet --disable-pip-version-check --no-deps \
      --requirement "$pins"; } >"$venv.log" 2>&1 </dev/null || {
    tail -n 5 "$venv.log" >&2
    rm -rf "$venv"
    fail "could not install the packages (no network?); the whole output is in $venv.log"
  }
  works || fail "the packages are installed but do not import: $venv/bin/python -c '$statement'"
fi
echo "$venv/bin/python"
