"""Writes one record with a header whose name is no UTF-8: `python odd_headers.py BOOTSTRAP TOPIC KEY VALUE SCHEMA`.

aiokafka's own Python code builds the record; the compiled one takes no name that is not text.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys


class Name(str):
    def encode(self, *_: object) -> bytes:
        return b"\xff\xfe"


async def send(bootstrap: str, topic: str, key: str, value: str, schema: str) -> None:
    import aiokafka

    producer = aiokafka.AIOKafkaProducer(bootstrap_servers=bootstrap)
    await producer.start()
    headers = [(Name("x"), b"y"), ("schema", schema.encode())]
    await producer.send_and_wait(topic, value.encode(), key.encode(), headers=headers)
    await producer.stop()


def send_with_odd_header_name(bootstrap: str, topic: str, key: str, value: bytes, schema: str) -> None:
    """In a process of its own, since it is decided at the import which code builds records."""
    arguments = [sys.executable, __file__, bootstrap, topic, key, value.decode(), schema]
    environment = {**os.environ, "AIOKAFKA_NO_EXTENSIONS": "1"}
    subprocess.run(arguments, check=True, timeout=60, capture_output=True, env=environment)


if __name__ == "__main__":
    asyncio.run(send(*sys.argv[1:]))
