"""A TCP proxy whose weather a test sets: what a network does to a connection between two processes."""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
import struct
import threading
from enum import Enum

CHUNK = 65_536
RESET = struct.pack("ii", 1, 0)  # SO_LINGER on, for 0 s: closing sends RST
UNAVAILABLE = b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


class Weather(Enum):
    """CLEAR passes everything. SLOW delays each chunk. DROPPING holds all bytes back until the weather changes, as TCP
    does while its packets are lost. HALF_OPEN swallows the bytes of today's connections for ever, whatever comes after.
    RESETTING resets them, and new ones. REFUSING closes new ones at once. ANSWERING_ERRORS answers HTTP's 503."""

    CLEAR = "clear"
    SLOW = "slow"
    DROPPING = "dropping"
    HALF_OPEN = "half_open"
    RESETTING = "resetting"
    REFUSING = "refusing"
    ANSWERING_ERRORS = "answering_errors"


class TcpProxy:
    """Listens on `port` of the loopback and passes bytes to `target`, in a thread of its own, from enter to exit."""

    def __init__(self, port: int, target: int, latency_s: float = 0.2, seed: int = 0) -> None:
        self.port, self.target, self.weather = port, target, Weather.CLEAR
        self._latency_s, self._random = latency_s, random.Random(seed)
        self._loop = asyncio.new_event_loop()
        self._writers: set[asyncio.StreamWriter] = set()
        self._dead: set[asyncio.StreamWriter] = set()  # half open: nothing passes any more
        self._thread = threading.Thread(target=self._loop.run_forever, name=f"proxy {port}", daemon=True)

    def __enter__(self) -> TcpProxy:
        self._thread.start()
        serve = asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self._server = asyncio.run_coroutine_threadsafe(serve, self._loop).result(10)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._server.close)
        self.set(Weather.RESETTING)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    def set(self, weather: Weather) -> None:
        """Changes the weather, for the connections that there are too; returns when it holds."""
        asyncio.run_coroutine_threadsafe(self._set(weather), self._loop).result(10)

    async def _set(self, weather: Weather) -> None:
        self.weather = weather
        if weather is Weather.HALF_OPEN:
            self._dead |= self._writers
        if weather in (Weather.RESETTING, Weather.ANSWERING_ERRORS):
            for writer in list(self._writers):
                _reset(writer)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.weather is Weather.RESETTING:
            _reset(writer)
            return
        if self.weather is Weather.REFUSING:
            writer.close()
            return
        if self.weather is Weather.ANSWERING_ERRORS:
            await reader.read(CHUNK)
            writer.write(UNAVAILABLE)
            writer.close()
            return
        try:
            server_reader, server_writer = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:  # nothing listens there: the client must see the same
            _reset(writer)
            return
        pair = {writer, server_writer}
        self._writers |= pair
        if self.weather is Weather.HALF_OPEN:
            self._dead |= pair
        await asyncio.gather(self._pass(reader, server_writer), self._pass(server_reader, writer))
        self._writers -= pair
        self._dead -= pair

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while chunk := await reader.read(CHUNK):
                if self.weather is Weather.SLOW:
                    await asyncio.sleep(self._latency_s * self._random.uniform(0.5, 1.5))
                while self.weather is Weather.DROPPING:
                    await asyncio.sleep(0.05)
                if writer not in self._dead:
                    writer.write(chunk)
                    await writer.drain()
        if writer not in self._dead:
            writer.close()


def _reset(writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    writer.transport.abort()
