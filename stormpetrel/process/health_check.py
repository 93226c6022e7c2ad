"""Asks a probe of this machine: `python -IS stormpetrel/process/health_check.py PORT PATH`. Exit code 0: it is well.

It is run by its path and imports next to nothing: a container asks every ten seconds, beside the work.
"""

import socket
import sys

TIMEOUT_S = 4.0


def is_well(port: int, path: str) -> bool:
    """Whether GET answers 200."""
    try:
        with socket.create_connection(("127.0.0.1", port), TIMEOUT_S) as connection:
            connection.sendall(f"GET {path} HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n".encode())
            return b" 200 " in connection.recv(64)
    except OSError:
        return False


if __name__ == "__main__":
    raise SystemExit(not is_well(int(sys.argv[1]), sys.argv[2]))
