"""A client of the search API: python examples/client.py 'flooded street' --near 8.93,44.41"""

from __future__ import annotations

import argparse
import os
from typing import Any

import httpx

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("text", nargs="?", default="flooded street")
parser.add_argument("--near", help="longitude,latitude")
parser.add_argument("--api", default="http://127.0.0.1:8000")
arguments = parser.parse_args()

query: dict[str, Any] = {"text": arguments.text, "limit": 5}
if arguments.near:
    longitude, latitude = arguments.near.split(",")
    query["place"] = {"longitude": float(longitude), "latitude": float(latitude), "radius_km": 50}
key = os.environ.get("STORMPETREL_API_KEY")  # where the API asks for one: stormpetrel keys add
headers = {"Authorization": f"Bearer {key}"} if key else {}
response = httpx.post(f"{arguments.api}/v1/search", json=query, headers=headers, timeout=30).raise_for_status().json()
for hit in response["hits"]:
    ranks = ", ".join(f"{modality} {standing['rank']}" for modality, standing in hit["ranks"].items())
    print(f"{hit['rank']:2}. {hit['post_id']}  ({ranks})  {hit['post']['text'][:80]}")
