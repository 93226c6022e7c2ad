#!/usr/bin/env bash
# Imports, unit tests and property tests on the newest Python that the project supports, in an environment of their own. Skips, loudly,
# where that Python is not installed.
set -euo pipefail
uv=$1 newest=3.13
# pyenv's python3.13 answers only where a version is chosen.
PYENV_VERSION=$(pyenv latest "$newest" 2>/dev/null || true)
export PYENV_VERSION
if ! python=$("python$newest" -c 'import sys; print(sys.executable)' 2>/dev/null); then
    echo "SKIPPED: Python $newest is not installed here, so only $(.venv/bin/python -V) was tested"
    exit 0
fi
unset PYENV_VERSION
"$uv" venv --quiet --clear --python "$python" ".venv-$newest"
"$uv" pip install --quiet --python ".venv-$newest/bin/python" --require-hashes -r locks/dev.txt
"$uv" pip install --quiet --python ".venv-$newest/bin/python" --no-deps -e .
".venv-$newest/bin/python" -m pytest -n 2 --dist loadfile tests/unit tests/property
