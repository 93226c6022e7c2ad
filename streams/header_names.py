"""Reads records whose headers' names are no UTF-8.

Kafka takes any bytes as a header's name. aiokafka raises on them, at the same record for ever: one such record would
keep every worker from reading its partition. Here each such byte becomes a question mark.
"""

from __future__ import annotations

from typing import Any

from aiokafka.consumer import fetcher
from aiokafka.record.default_records import _DefaultRecordBatchPy
from aiokafka.record.memory_records import _MemoryRecordsPy
from aiokafka.record.util import decode_varint

MAGIC_OFFSET = _MemoryRecordsPy.MAGIC_OFFSET


class _Batch(_DefaultRecordBatchPy):
    def _read_msg(self, *_: Any) -> Any:
        try:
            return super()._read_msg()
        except UnicodeDecodeError:
            self._mend_header_names()
            return super()._read_msg()

    def _mend_header_names(self) -> None:
        """In place, and none becomes longer: the record's lengths still hold."""
        buffer, position = self._buffer, self._pos
        for _ in ("length", "attributes", "timestamp", "offset"):
            _, position = decode_varint(buffer, position)
        for _ in ("key", "value"):
            size, position = decode_varint(buffer, position)
            position += max(size, 0)
        count, position = decode_varint(buffer, position)
        for _ in range(count):
            size, position = decode_varint(buffer, position)
            name = buffer[position : position + size]
            buffer[position : position + size] = bytes(byte if byte < 128 else ord("?") for byte in name)
            size, position = decode_varint(buffer, position + size)
            position += max(size, 0)


class _Records(_MemoryRecordsPy):
    def next_batch(self, *_: Any) -> Any:
        raw = self._next_slice
        batch = super().next_batch()
        return batch if raw is None or raw[MAGIC_OFFSET] < 2 else _Batch(raw)


def accept_any_header_name() -> None:
    """Has aiokafka's consumers of this process read such records."""
    fetcher.MemoryRecords = _Records
