"""A folder served by HTTP with ranges, and as an S3 bucket, in a process of its own: GDAL holds on to the interpreter.

`python -m tests.integration.web_server FOLDER PORT`. `/_told` says what was sent; `/_break` breaks the next transfer
off.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from xml.sax.saxutils import escape

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route


class Web:
    """Counts bytes and range requests."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.sent, self.ranges, self.break_off = folder, 0, 0, False

    def application(self) -> Starlette:
        told = Route("/_told", lambda _: JSONResponse({"sent": self.sent, "ranges": self.ranges}))
        return Starlette(routes=[told, Route("/_break", self._break), Route("/{path:path}", self._serve)])

    def _break(self, _: Request) -> Response:
        self.break_off = True
        return Response()

    def _serve(self, request: Request) -> Response:
        path = request.path_params["path"]
        if "list-type" in request.query_params:
            return self._listing(request.query_params.get("prefix", ""))
        file = self.folder / path.removeprefix("bucket/")
        if not file.is_file():
            return Response(status_code=404)
        asked = re.fullmatch(r"bytes=(\d+)-(\d+)", request.headers.get("range", ""))
        self.ranges += "range" in request.headers
        size = file.stat().st_size
        if request.method == "GET":
            self.sent += min(int(asked[2]) + 1, size) - int(asked[1]) if asked else size
        if self.break_off and request.method == "GET":
            self.break_off = False
            return Response(file.read_bytes()[: size // 2], headers={"Content-Length": str(size)})
        return FileResponse(file)

    def _listing(self, prefix: str) -> Response:
        files = [file for file in sorted(self.folder.rglob("*")) if file.is_file()]
        keys = {str(file.relative_to(self.folder)): file.stat().st_size for file in files}
        rows = "".join(
            f"<Contents><Key>{escape(key)}</Key><LastModified>2025-11-04T12:00:00.000Z</LastModified>"
            f'<ETag>"x"</ETag><Size>{size}</Size></Contents>'
            for key, size in keys.items()
            if key.startswith(prefix)
        )
        head = f"<Name>bucket</Name><Prefix>{escape(prefix)}</Prefix><IsTruncated>false</IsTruncated>"
        body = f'<?xml version="1.0"?><ListBucketResult>{head}{rows}</ListBucketResult>'
        return Response(body, media_type="application/xml")


if __name__ == "__main__":
    uvicorn.run(Web(Path(sys.argv[1])).application(), host="127.0.0.1", port=int(sys.argv[2]), log_level="critical")
