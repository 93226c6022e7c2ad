"""A proxy on the loopback address through which every reader of products (httpx, obstore, GDAL) goes to the network.

The readers resolve no names themselves: the proxy asks the gate for a host's addresses, once, and connects to these.
So neither a redirect nor a name that resolves to something else the next time leads to where the gate would not let a
product. TLS is the reader's own, from end to end (CONNECT; RFC 9110, 9.3.6).

It is a process of its own: GDAL may hold the interpreter's lock while it waits for an answer.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import subprocess
import sys
from functools import partial
from urllib.parse import urlsplit

import structlog

from stormpetrel.core.errors import BadProduct, SetupError
from stormpetrel.imagery.readers.locations import Gate

log = structlog.get_logger()
CONNECT_S = 20.0
CHUNK = 1 << 16  # bytes


class EgressProxy:
    """The running proxy of a gate; `url` is its address. A context manager: it ends on exit, and with this process."""

    def __init__(self, gate: Gate) -> None:
        self.gate = gate
        self.url = f"http://127.0.0.1:{self._start(0)}"

    def _start(self, port: int) -> int:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "stormpetrel.stores.egress_proxy"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,  # Ctrl-C is for this process; the proxy ends with it
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        hosts = {"hosts": self.gate.hosts, "private_hosts": self.gate.private_hosts}
        self._process.stdin.write(json.dumps({"port": port, "gate": hosts}) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            raise SetupError("the egress proxy did not start; products of the network cannot be read: see the log")
        return int(answer)

    def ensure(self) -> None:
        """Starts the proxy again, at the same address, where it has ended."""
        if self._process.poll() is not None:
            self._close()
            self._start(urlsplit(self.url).port or 0)

    def __enter__(self) -> EgressProxy:
        return self

    def __exit__(self, *_: object) -> None:
        self._close()
        self._process.wait(CONNECT_S)

    def _close(self) -> None:
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()


async def relay(gate: Gate, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Serves one connection of a reader: a tunnel (CONNECT), or one plain request."""
    try:
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), CONNECT_S)
        method, target, _ = head.split(b"\r\n", 1)[0].decode("latin-1").split(" ")
        parts = urlsplit(f"//{target}" if method == "CONNECT" else target)
        upstream, sink = await _connected(gate, str(parts.hostname), parts.port or 80)
    except BadProduct as error:
        log.warning("a reader was refused an address", reason=str(error))
        await _answer(writer, "403 Forbidden")
    except (OSError, TimeoutError):
        await _answer(writer, "502 Bad Gateway")
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


async def _connected(gate: Gate, host: str, port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Raises BadProduct where the gate refuses the host, OSError where none of its addresses answers."""
    problem: OSError | TimeoutError = OSError(f"{host} has no address")
    for address in await asyncio.to_thread(gate.resolve, host, port):
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
    writer.write(f"HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())
    with contextlib.suppress(OSError):
        await writer.drain()
    writer.close()


async def _serve() -> None:
    """The proxy's process: takes its gate as a line of JSON, says its port, and ends with its parent."""
    order = json.loads(sys.stdin.readline())
    gate = Gate(tuple(order["gate"]["hosts"]), tuple(order["gate"]["private_hosts"]))
    server = await asyncio.start_server(partial(relay, gate), "127.0.0.1", order["port"])
    print(server.sockets[0].getsockname()[1], flush=True)
    os.dup2(2, 1)  # from here on nobody reads the output; the log goes to the error stream
    await asyncio.to_thread(sys.stdin.read)  # the parent closes it, or has gone
    os._exit(0)  # open transfers are the parent's


if __name__ == "__main__":
    asyncio.run(_serve())
