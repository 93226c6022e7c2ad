"""A proxy on the loopback address through which every reader of products (httpx, obstore, GDAL) goes to the network.

The readers resolve no names themselves: the proxy asks the gate for a host's addresses, once, and connects to these.
So neither a redirect nor a name that resolves to something else the next time leads to where the gate would not let a
product. TLS is the reader's own, from end to end (CONNECT; RFC 9110, 9.3.6).
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from urllib.parse import urlsplit

import structlog

from stormpetrel.core.errors import BadProduct
from stormpetrel.imagery.readers.locations import Gate

log = structlog.get_logger()
CONNECT_S = 20.0
CHUNK = 1 << 16  # bytes


class EgressProxy:
    """A running proxy; `url` is its address. A context manager: it ends on exit."""

    def __init__(self, gate: Gate) -> None:
        self.gate = gate
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="egress-proxy", daemon=True)
        self._thread.start()
        starting = asyncio.start_server(self._serve, "127.0.0.1", 0)
        self._server = asyncio.run_coroutine_threadsafe(starting, self._loop).result(CONNECT_S)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    def __enter__(self) -> EgressProxy:
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._server.close)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(CONNECT_S)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), CONNECT_S)
            method, target, _ = head.split(b"\r\n", 1)[0].decode("latin-1").split(" ")
            parts = urlsplit(f"//{target}" if method == "CONNECT" else target)
            port = parts.port or 80
            upstream, sink = await self._connected(str(parts.hostname), port)
        except BadProduct as error:
            log.warning("a reader was refused an address", reason=str(error))
            await _answer(writer, f"403 Forbidden\r\nX-Reason: {error}")
        except (OSError, TimeoutError) as error:
            await _answer(writer, f"502 Bad Gateway\r\nX-Reason: {error}")
        except (ValueError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            await _answer(writer, "400 Bad Request")
        else:
            if method == "CONNECT":
                writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            else:
                sink.write(_origin_form(head, parts.path or "/", parts.query))
            outward = asyncio.ensure_future(_copy(reader, sink))
            await _copy(upstream, writer)  # until the server has said all
            outward.cancel()
            sink.close()
            writer.close()

    async def _connected(self, host: str, port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Raises BadProduct where the gate refuses the host, OSError where none of its addresses answers."""
        problem: OSError | TimeoutError = OSError(f"{host} has no address")
        for address in await asyncio.to_thread(self.gate.resolve, host, port):
            try:
                return await asyncio.wait_for(asyncio.open_connection(address, port), CONNECT_S)
            except (OSError, TimeoutError) as error:
                problem = error
        raise problem


def _origin_form(head: bytes, path: str, query: str) -> bytes:
    """The head of a plain HTTP request as a server expects it. The connection serves this request alone: the next one
    may be for another host."""
    method, _, version = head.split(b"\r\n", 1)[0].split(b" ")
    target = (f"{path}?{query}" if query else path).encode("latin-1")
    lines = head.split(b"\r\n\r\n", 1)[0].split(b"\r\n")[1:]
    kept = [line for line in lines if not line.lower().startswith((b"proxy-", b"connection:", b"keep-alive:"))]
    return b"\r\n".join([b" ".join((method, target, version)), *kept, b"Connection: close", b"", b""])


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):  # one side has gone; the other one is closed with it
        while chunk := await reader.read(CHUNK):
            writer.write(chunk)
            await writer.drain()


async def _answer(writer: asyncio.StreamWriter, status: str) -> None:
    writer.write(f"HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode("latin-1", "replace"))
    with contextlib.suppress(OSError):
        await writer.drain()
    writer.close()
