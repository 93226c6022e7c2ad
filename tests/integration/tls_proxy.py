"""TLS in front of a plain server on this machine, for the tests: asyncio and `ssl` in a thread of its own."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import threading
from pathlib import Path

import trustme

HOST = "127.0.0.1"


class TlsProxy:
    """Listens on `port` with a certificate of the authority in `ca_file`, and passes what comes to `target`.

    Where it has a `key`, a connection that does not begin with a request that carries it is answered 401. A context
    manager.
    """

    def __init__(self, target: int, folder: Path, key: str | None = None) -> None:
        self._target, self._key = target, key
        authority = trustme.CA()
        self.ca_file = folder / f"authority-{target}.pem"
        authority.cert_pem.write_to_path(str(self.ca_file))
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert(HOST, "localhost").configure_cert(self._context)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self.port = 0

    def __enter__(self) -> TlsProxy:
        self._thread.start()
        starting = asyncio.start_server(self._serve, HOST, 0, ssl=self._context)
        self._server = asyncio.run_coroutine_threadsafe(starting, self._loop).result(10)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    async def _end(self) -> None:
        self._server.close()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError), contextlib.closing(writer):
            first = await reader.read(65536)
            if self._key is not None and f"api-key: {self._key}\r\n".encode() not in first:
                writer.write(b"HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
                await writer.drain()
                return
            onward, outward = await asyncio.open_connection(HOST, self._target)
            with contextlib.closing(outward):
                outward.write(first)
                await asyncio.gather(_pass(reader, outward), _pass(onward, writer))


async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError), contextlib.closing(writer):
        while content := await reader.read(65536):
            writer.write(content)
            await writer.drain()
