#!/usr/bin/env bash
# Prints the path of a Python with the packages that the differential tests compare with (crates/mastery/tests/oracles.txt).
set -euo pipefail
cd "$(dirname "$0")/.."
exec dev/python.sh oracles crates/mastery/tests/oracles.txt 'import fsrs, pyBKT.fit.predict_onestep'
