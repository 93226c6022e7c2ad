"""What answers of a vector index mean: that it does not take what it was given, or that it cannot work now."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPException

import orjson
from pydantic import ValidationError
from qdrant_client.http.exceptions import ApiException, UnexpectedResponse

from stormpetrel.core.errors import StoreRefused, StoreUnavailable, StormpetrelError

# 4xx answers that are not the fault of what was sent: the key, a collection that is not made yet, too many requests.
WAIT_FOR = {401: "see qdrant.api_key", 403: "see qdrant.api_key", 404: "does the index consumer run?", 408: "", 429: ""}


@contextmanager
def store_errors(action: str) -> Iterator[None]:
    """Raises StoreRefused where the server does not take what it was given, StoreUnavailable where it does not answer
    or cannot work: every 5xx is such a state, as a full disk is."""
    try:
        yield
    except UnexpectedResponse as error:
        raise _refusal(action, error.status_code or 0, error.content.decode(errors="replace")) from error
    except (ValidationError, orjson.JSONEncodeError) as error:
        raise StoreRefused(f"Qdrant: {action}: {error}") from error
    except (ApiException, HTTPException, OSError, ValueError) as error:
        raise StoreUnavailable(f"Qdrant: {action}: {error}") from error


def _refusal(action: str, status: int, answer: str) -> StormpetrelError:
    text = f"Qdrant: {action}: it answers {status}: {answer[:500]}"
    if 400 <= status < 500 and status not in WAIT_FOR:
        return StoreRefused(text)
    return StoreUnavailable("; ".join([text, *filter(None, [WAIT_FOR.get(status)])]))
