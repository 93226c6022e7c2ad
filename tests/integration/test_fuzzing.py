"""Whatever a client sends, the API answers as its OpenAPI document says: schemathesis, all phases, all checks."""

from __future__ import annotations

import os
import random

from tests.fuzzing import fuzz

SECONDS = 110


def test_the_api_holds_what_its_openapi_document_says() -> None:
    seed = int(os.environ.get("STORMPETREL_FUZZ_SEED", random.randrange(2**31)))
    fuzzed = fuzz(seed, seconds=SECONDS)
    print(f"{fuzzed.cases} cases, seed {seed}: repeat them with STORMPETREL_FUZZ_SEED={seed}")
    assert fuzzed.passed, fuzzed.output
    assert fuzzed.cases > 500
