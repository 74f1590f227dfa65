#!/usr/bin/env bash
# An endpoint of OpenAI's protocol for tests, written by others: aimock, fetched once by npm.
#   dev/aimock.sh             prints the path of its program, for Node.js
#   dev/aimock.sh <options>   runs it; --help lists them
set -euo pipefail
cd "$(dirname "$0")/.."
. dev/versions.env

file=node_modules/@copilotkit/aimock/dist/cli.js
folder=$(dev/npm.sh aimock @copilotkit/aimock "$AIMOCK_VERSION" "$file")
program=$folder/$file

if [ $# -eq 0 ]; then
  echo "$program"
else
  exec node "$program" "$@"
fi
