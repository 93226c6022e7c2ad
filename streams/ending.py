"""A worker that is to end does end: Faust's own way down can wait for ever on a broker that does not answer."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from typing import Any

import structlog

from stormpetrel.log.lag import STALLED_EXIT

log = structlog.get_logger()
ENDS_WITHIN_S = 8.0
LOOK_EVERY_S = 0.5


def end_within(app: Any, seconds: float = ENDS_WITHIN_S, end: Callable[[], None] | None = None) -> threading.Thread:
    """A thread that ends the process, as a kill would, where the app has crashed or was told to stop and the process is
    still there `seconds` later. Nothing is lost: what was not committed is read again."""

    def watch() -> None:
        while not app.should_stop:
            time.sleep(LOOK_EVERY_S)
        time.sleep(seconds)
        log.error("the worker did not come to an end by itself", seconds=seconds)
        (end or (lambda: os._exit(STALLED_EXIT)))()

    thread = threading.Thread(target=watch, daemon=True, name="ending")
    thread.start()
    return thread
