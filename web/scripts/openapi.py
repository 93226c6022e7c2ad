"""The part of the API's OpenAPI document that the page uses, as JSON: what its types are made from.

The routes that the page does not ask may change without the page being built again.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

from api.app import create_app

FILE = Path(__file__).parents[1] / "src" / "api" / "openapi.json"
ROUTES = (
    ("get", "/v1/session"),
    ("post", "/v1/session"),
    ("delete", "/v1/session"),
    ("get", "/v1/incidents"),
    ("get", "/v1/incidents/{incident_id}"),
    ("get", "/v1/incidents/{incident_id}/timeline"),
    ("get", "/v1/incidents/{incident_id}/actions"),
    ("post", "/v1/incidents/{incident_id}/actions"),
    ("get", "/v1/incidents/events"),
    ("get", "/v1/alerting/incidents/{incident_id}"),
    ("get", "/v1/alerting/rules"),
    ("put", "/v1/alerting/rules/{rule_id}"),
    ("delete", "/v1/alerting/rules/{rule_id}"),
    ("get", "/v1/alerting/silences"),
    ("post", "/v1/alerting/silences"),
    ("delete", "/v1/alerting/silences/{silence_id}"),
    ("get", "/v1/alerting/receivers"),
    ("post", "/v1/alerting/receivers/{name}/test"),
    ("get", "/v1/alerting/notifications"),
    ("get", "/v1/alerts/cap.atom"),
    ("get", "/v1/places/resolve"),
    ("get", "/v1/posts"),
    ("get", "/v1/posts/cells"),
    ("get", "/v1/posts/{post_id}"),
    ("get", "/v1/photos/{photo_hash}"),
    ("get", "/v1/patches/pictures/{kind}.png"),
    ("get", "/v1/patches"),
    ("get", "/v1/scenes"),
    ("get", "/v1/scenes/patches"),
    ("get", "/v1/labels"),
    ("post", "/v1/labels"),
    ("get", "/v1/annotations"),
    ("post", "/v1/annotations"),
    ("delete", "/v1/annotations/{annotation_id}"),
    ("get", "/v1/annotations/agreement"),
    ("get", "/v1/exchange/{form}"),
    ("post", "/v1/feedback"),
    ("post", "/v1/validation"),
    ("get", "/v1/maps/{form}"),
    ("post", "/v1/search"),
    ("get", "/v1/saved-searches"),
    ("post", "/v1/saved-searches"),
    ("get", "/v1/saved-searches/{saved_search_id}"),
    ("delete", "/v1/saved-searches/{saved_search_id}"),
    ("get", "/v1/saved-searches/{saved_search_id}/events"),
    ("get", "/v1/dead-letters"),
    ("get", "/readyz"),
    ("get", "/metrics"),
)
REFERENCE = re.compile(r'"#/components/schemas/([^"]+)"')


def used_part(document: dict[str, Any]) -> dict[str, Any]:
    """The operations of ROUTES, and the schemas that they lead to."""
    paths: dict[str, dict[str, Any]] = {}
    for method, path in ROUTES:
        paths.setdefault(path, {})[method] = document["paths"][path][method]
    schemas: dict[str, Any] = {}
    waiting = REFERENCE.findall(json.dumps(paths))
    while waiting:
        name = waiting.pop()
        if name not in schemas:
            schemas[name] = document["components"]["schemas"][name]
            waiting += REFERENCE.findall(json.dumps(schemas[name]))
    info = {"title": document["info"]["title"], "version": "used by the page"}
    components = {
        "schemas": dict(sorted(schemas.items())),
        "securitySchemes": document["components"]["securitySchemes"],
    }
    return {"openapi": document["openapi"], "info": info, "paths": paths, "components": components}


def written() -> str:
    """The file as it should stand."""
    return json.dumps(used_part(create_app(lambda: None).openapi()), indent=1, ensure_ascii=False) + "\n"  # type: ignore[arg-type, return-value]


if __name__ == "__main__":
    FILE.write_text(written(), encoding="utf-8")
    print(f"{FILE.name}: {len(ROUTES)} routes", file=sys.stderr)
