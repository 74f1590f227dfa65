#!/usr/bin/env bash
# Fetches a tool from npm, once, and prints its folder.
#   dev/npm.sh <tool> <package> <version> <file>    the file tells whether it is there: a path below the folder
set -euo pipefail
tool=$1 package=$2 version=$3 file=$4

folder=${LEARNFLOW_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/learnflow}/$tool-$version
if [ ! -e "$folder/$file" ]; then
  command -v npm >/dev/null || { echo "$tool: npm is missing: install Node.js 20 or newer" >&2; exit 1; }
  echo "$tool: fetching version $version" >&2
  rm -rf "$folder" "$folder.$$"
  mkdir -p "$folder.$$"
  npm install --prefix "$folder.$$" --no-audit --no-fund --loglevel=error "$package@$version" >&2
  mv "$folder.$$" "$folder"
fi
echo "$folder"
