#!/usr/bin/env bash
# An endpoint of OpenAI's protocol for tests, written by others: aimock, fetched once by npm.
#   dev/aimock.sh             prints the path of its program, for Node.js
#   dev/aimock.sh <options>   runs it; --help lists them
set -euo pipefail
cd "$(dirname "$0")/.."
. dev/versions.env

cache=${LEARNFLOW_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/learnflow}/aimock-$AIMOCK_VERSION
if [ ! -f "$cache/node_modules/@copilotkit/aimock/dist/cli.js" ]; then
  command -v npm >/dev/null || { echo "aimock: npm is missing: install Node.js 20 or newer" >&2; exit 1; }
  echo "aimock: fetching version $AIMOCK_VERSION" >&2
  rm -rf "$cache" "$cache.$$"
  mkdir -p "$cache.$$"
  npm install --prefix "$cache.$$" --no-audit --no-fund --loglevel=error "@copilotkit/aimock@$AIMOCK_VERSION" >&2
  mv "$cache.$$" "$cache"
fi
program=$cache/node_modules/@copilotkit/aimock/dist/cli.js

if [ $# -eq 0 ]; then
  echo "$program"
else
  exec node "$program" "$@"
fi
