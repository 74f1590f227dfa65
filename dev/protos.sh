#!/usr/bin/env bash
# Checks proto/ with buf, fetched once by npm.
#   dev/protos.sh             style, documentation, and that nothing breaks what proto/baseline.binpb promises
#   dev/protos.sh baseline    makes what is there the new promise: for a release, or a break that is meant (CHANGELOG!)
set -euo pipefail
cd "$(dirname "$0")/.."
. dev/versions.env

folder=$(dev/npm.sh buf @bufbuild/buf "$BUF_VERSION" node_modules/.bin/buf)
buf=$folder/node_modules/.bin/buf

if [ "${1:-}" = baseline ]; then
  exec "$buf" build proto --exclude-source-info --output proto/baseline.binpb
fi
"$buf" lint proto
"$buf" breaking proto --against proto/baseline.binpb ||
  { echo "protos: clients of the last release would break; see dev/protos.sh" >&2; exit 1; }
