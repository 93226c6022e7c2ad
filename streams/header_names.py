"""Reads records that aiokafka does not, or not within bounds.

Kafka bounds a batch as it was compressed: 100 kB may unpack to gigabytes, at every start again. What unpacks to more
than LARGEST_UNPACKED stands here as one record without a value, whose header says why.

Kafka takes any bytes as a header's name. aiokafka raises on them, at the same record for ever: one such record would
keep every worker from reading its partition. Here each such byte becomes a question mark.
"""

from __future__ import annotations

import gzip
import io
from collections.abc import Callable, Mapping
from typing import Any

import cramjam
from aiokafka.consumer import fetcher
from aiokafka.record.default_records import _DefaultRecordBatchPy, _DefaultRecordPy
from aiokafka.record.memory_records import _MemoryRecordsPy
from aiokafka.record.util import decode_varint

from stormpetrel.log.record import UNREADABLE

MAGIC_OFFSET = _MemoryRecordsPy.MAGIC_OFFSET
LARGEST_UNPACKED = 64_000_000  # bytes of a batch; a producer's own limit lets it hold 1 MB
FIRST_BUFFER = 262_144  # bytes; most batches fit, and a buffer costs by its size
BUFFER_GROWTH = 16
Unpack = Callable[[bytes, bytearray], int]  # into the buffer; how many bytes came. Raises where it is too small


def _gunzip(packed: bytes, buffer: bytearray) -> int:
    with gzip.GzipFile(fileobj=io.BytesIO(packed)) as stream:
        size = stream.readinto(buffer)
        if stream.read(1):
            raise ValueError("it holds more")
    return size


UNPACK: Mapping[int, Unpack] = {
    _DefaultRecordBatchPy.CODEC_GZIP: _gunzip,
    _DefaultRecordBatchPy.CODEC_LZ4: cramjam.lz4.decompress_into,
    _DefaultRecordBatchPy.CODEC_ZSTD: cramjam.zstd.decompress_into,
}


def _unpacked(unpack: Unpack, packed: bytes) -> bytearray:
    """The unpacked bytes. Raises what `unpack` raises where even the largest buffer is too small."""
    size = FIRST_BUFFER
    while True:
        buffer = bytearray(min(size, LARGEST_UNPACKED))
        try:
            return buffer[: unpack(packed, buffer)]
        except Exception:
            if size >= LARGEST_UNPACKED:
                raise
        size *= BUFFER_GROWTH


class _Batch(_DefaultRecordBatchPy):
    _fault = ""
    _decompressed: bool
    _buffer: bytearray
    _pos: int

    def _maybe_uncompress(self) -> None:
        if self._decompressed or (unpack := UNPACK.get(self.compression_type)) is None:
            super()._maybe_uncompress()  # snappy says its size itself, and is at most 21 times smaller
            return
        try:
            self._buffer = _unpacked(unpack, bytes(memoryview(self._buffer)[self._pos :]))
        except Exception as error:
            self._fault = f"the record cannot be unpacked to {LARGEST_UNPACKED:,} bytes: {error}; send it smaller"
            self._buffer = bytearray()
        self._pos, self._decompressed = 0, True

    def __next__(self) -> Any:
        if not self._fault:
            return super().__next__()
        fault, self._fault = self._fault, ""
        self._num_records = 0
        # The batch's last offset: all of it counts as read with this.
        place = self.next_offset - 1, self.max_timestamp, self.timestamp_type
        return _DefaultRecordPy(*place, None, None, [(UNREADABLE, fault.encode())])

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
