"""The log of a process: lines for people on a terminal, JSON anywhere else."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable

import structlog


def set_up_log(process: str, level: int = logging.INFO) -> None:
    """Lines for people on a terminal, JSON anywhere else; the standard library's loggers too."""
    render: Callable[..., object] = (
        structlog.dev.ConsoleRenderer() if sys.stderr.isatty() else structlog.processors.JSONRenderer()
    )
    processors = [
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[*processors, render],  # type: ignore[list-item]
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    structlog.contextvars.clear_contextvars()
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(processor=render, foreign_pre_chain=processors))  # type: ignore[arg-type]
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    structlog.get_logger().info("starting", process=process)
