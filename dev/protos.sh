#!/usr/bin/env bash
# Checks proto/ with buf, fetched once by npm.
#   dev/protos.sh             style, documentation, and that nothing breaks what proto/baseline.binpb promises
#   dev/protos.sh baseline    makes what is there the new promise: for a release, or a break that is meant (CHANGELOG!)
set -euo pipefail
cd "$(dirname "$0")/.."
. dev/versions.env

cache=${LEARNFLOW_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/learnflow}/buf-$BUF_VERSION
if [ ! -x "$cache/node_modules/.bin/buf" ]; then
  command -v npm >/dev/null || { echo "protos: npm is missing: install Node.js 20 or newer" >&2; exit 1; }
  echo "protos: fetching buf $BUF_VERSION" >&2
  rm -rf "$cache" "$cache.$$"
  mkdir -p "$cache.$$"
  npm install --prefix "$cache.$$" --no-audit --no-fund --loglevel=error "@bufbuild/buf@$BUF_VERSION" >&2
  mv "$cache.$$" "$cache"
fi
buf=$cache/node_modules/.bin/buf

if [ "${1:-}" = baseline ]; then
  exec "$buf" build proto --exclude-source-info --output proto/baseline.binpb
fi
"$buf" lint proto
"$buf" breaking proto --against proto/baseline.binpb ||
  { echo "protos: clients of the last release would break; see dev/protos.sh" >&2; exit 1; }
