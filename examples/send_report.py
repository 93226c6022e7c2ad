"""Sends a report of your own team: python examples/send_report.py 'The underpass is shut' --at 8.93,44.41

The key in STORMPETREL_API_KEY needs the scope `ingest`: stormpetrel keys add phone --scope ingest
"""

from __future__ import annotations

import argparse
import os
from datetime import UTC, datetime
from typing import Any

import httpx

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("text")
parser.add_argument("--at", help="longitude,latitude")
parser.add_argument("--author", help="who saw it; otherwise whoever the key belongs to")
parser.add_argument("--api", default="http://127.0.0.1:8000")
arguments = parser.parse_args()

report: dict[str, Any] = {"text": arguments.text, "created_at": datetime.now(UTC).isoformat()}
if arguments.at:
    report["longitude"], report["latitude"] = map(float, arguments.at.split(","))
if arguments.author:
    report["author"] = arguments.author
key = os.environ.get("STORMPETREL_API_KEY")
headers = {"Authorization": f"Bearer {key}"} if key else {}
answer = httpx.post(f"{arguments.api}/v1/posts", json={"posts": [report]}, headers=headers, timeout=30)
if answer.status_code == 422:
    for fault in answer.json()["detail"]:
        print(f"{fault['field']}: {fault['problem']}. {fault['remedy']}")
else:
    print(answer.raise_for_status().json()["posts"][0]["post_id"])
