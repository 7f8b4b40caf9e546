#!/usr/bin/env bash
# Everything that a GPU has to show, in one call of less than ten minutes, without a network.
#
#     OUT=results benchmarks/gpu/run.sh                           # the first CUDA GPU
#     OUT=results benchmarks/gpu/run.sh --device cpu --smoke      # every part, small, on the CPU
#
# Needs a Python with torch, numpy, scipy and opencv ($PYTHON, else the environment of `make`, else
# python3); what else is missing is reported. Writes $OUT/gpu.json after each part, and $OUT/gpu.log.
# docs/engineering/gpu.md says how to read them.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
environment=$here/../../.venv/bin/python
if [[ -z ${PYTHON:-} ]]; then
    PYTHON=python3
    [[ -x $environment ]] && PYTHON=$environment
fi
export OUT=${OUT:-$PWD/gpu-results}
exec "$PYTHON" "$here/run.py" "$@"
