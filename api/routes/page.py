"""The page: one document at `/`, and the files that it names. They hold no data, so that they need no key."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Header, Path, Response

from api.page_files import INDEX, PageFile, page_file

router = APIRouter(include_in_schema=False)
# Nothing inline, nothing from another host. MapLibre draws pictures that it has made itself: blob and data.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; "
    "worker-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
# The name of a file has a hash of its content, so that a browser may keep it for good; the document names the newest.
KEPT, ASKED_AGAIN = "public, max-age=31536000, immutable", "no-cache"
AcceptedEncodings = Annotated[str, Header(alias="Accept-Encoding", max_length=1000)]
KnownTag = Annotated[str, Header(alias="If-None-Match", max_length=1000)]


@router.get("/")
def document(encodings: AcceptedEncodings = "", known: KnownTag = "") -> Response:
    """The page's document. Its views are addresses behind a `#`: what people search for is in no server's log."""
    file = page_file(INDEX)
    headers = {"Cache-Control": ASKED_AGAIN, "ETag": file.tag}
    return Response(status_code=304, headers=headers) if file.tag in known else _answer(file, encodings, headers)


@router.get("/page/{name}")
def asset(name: Annotated[str, Path(max_length=200)], encodings: AcceptedEncodings = "") -> Response:
    """A script, a style sheet or the base map."""
    return _answer(page_file(name), encodings, {"Cache-Control": KEPT})


def _answer(file: PageFile, encodings: str, headers: dict[str, str]) -> Response:
    headers |= {"Content-Security-Policy": POLICY, "Vary": "Accept-Encoding"}
    if "gzip" in encodings:
        headers["Content-Encoding"] = "gzip"
        return Response(file.compressed, media_type=file.media_type, headers=headers)
    return Response(file.content(), media_type=file.media_type, headers=headers)
