"""Qdrant's own engine in this process (qdrant-edge), one shard a collection, asked in Qdrant's REST words.

Fresh points are searched one by one. When enough of them have come, a copy of the shard is optimised (HNSW graph,
quantisation, merged segments) in a process of its own, since the engine's `optimize()` stops every thread of the
process that calls it; what was written meanwhile is written to the copy too, and the copy takes the shard's place.
"""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import qdrant_edge as edge
import structlog

from stormpetrel.local.qdrant_codec import (
    SCHEMAS,
    Json,
    Refused,
    json_vector,
    only,
    read_filter,
    read_order,
    read_query,
    read_vector,
)
from stormpetrel.local.vector_generation import Generation

log = structlog.get_logger()
FLUSH_EVERY = 5000  # points; the write-ahead log holds what comes between
FRESH_MOST = 20_000  # points that are searched one by one before a copy is optimised
FRESH_SHARE = 0.2  # and the least share of all points that they must be: a copy costs as much as the whole
Optimise = Callable[[Path, Json], None]


class Shard:
    """One collection. Reads run side by side; writes come one at a time."""

    def __init__(self, directory: Path, optimise: Optimise, configuration: Json | None = None) -> None:
        self._directory, self._optimise = directory, optimise
        self._record = directory.with_name(f"{directory.name}.json")
        # {"configuration", "generation", "optimised": points in the graph}; a shard without it was never created.
        self._state: Json = {"configuration": configuration, "generation": 0, "optimised": 0}
        if configuration is None:
            self._state = json.loads(self._record.read_text())
        self._now = Generation(directory / str(self._state["generation"]), self.configuration)
        self._writing = threading.Lock()
        self._unflushed = 0
        self._fresh = self._now.shard.info().points_count - self._state["optimised"]
        self._closed = False
        self._missed: list[Any] | None = None  # writes since the copy that is being optimised was made
        self._renewing: threading.Thread | None = None
        self._write_record()
        for left in directory.iterdir():  # of a renewal that did not come to its end
            if left != self._now.directory:
                shutil.rmtree(left)

    @property
    def configuration(self) -> Json:
        found: Json = self._state["configuration"]
        return found

    @property
    def optimising(self) -> bool:
        """Whether a copy is being optimised, or should be."""
        return self._renewing is not None or self._wants_renewal()

    def _write_record(self) -> None:
        fresh = self._record.with_name(f"{self._record.name}.fresh")
        fresh.write_text(json.dumps(self._state))
        fresh.rename(self._record)

    @contextmanager
    def _reading(self) -> Iterator[Any]:
        generation = self._now
        while not generation.enter():
            generation = self._now
        try:
            yield generation.shard
        finally:
            generation.leave()

    def index(self, field: str, schema: str) -> None:
        if schema not in SCHEMAS:
            raise Refused(f"no payload index of type {schema!r} in the local vector index")
        self._write(edge.UpdateOperation.create_field_index(field, SCHEMAS[schema]), 0)

    def upsert(self, points: list[Json]) -> None:
        made = [
            edge.Point(
                point["id"], {name: read_vector(v) for name, v in (point["vector"] or {}).items()}, point.get("payload")
            )
            for point in points
        ]
        self._write(edge.UpdateOperation.upsert_points(made), len(made))

    def delete(self, ids: list[Any]) -> None:
        self._write(edge.UpdateOperation.delete_points(ids), len(ids))

    def _write(self, operation: Any, points: int) -> None:
        with self._writing:
            self._now.shard.update(operation)
            if self._missed is not None:
                self._missed.append(operation)
            self._unflushed += points
            self._fresh += points
            if self._unflushed >= FLUSH_EVERY:
                self._now.shard.flush()
                self._unflushed = 0
            self._renew_if_due()

    def reconfigure(self, vectors: Json) -> None:
        """Another quantisation of these vectors; it holds once a copy is optimised, which begins at once."""
        with self._writing:
            for name, changed in vectors.items():
                only(changed, "quantization_config", "a change of vectors")
                wanted = changed.get("quantization_config")
                self.configuration["vectors"][name]["quantization_config"] = None if wanted == "Disabled" else wanted
            self._state["optimised"] = 0
            self._fresh = self._now.shard.info().points_count
            self._write_record()
            self._renew_if_due()

    def _wants_renewal(self) -> bool:
        if self._closed or self._fresh < FRESH_MOST:
            return False
        return bool(self._fresh >= FRESH_SHARE * self._now.shard.info().points_count)

    def _renew_if_due(self) -> None:
        """Starts the renewal; called by who holds the lock of writing."""
        if self._renewing is None and self._wants_renewal():
            self._renewing = threading.Thread(target=self._renew, daemon=True)
            self._renewing.start()

    def _renew(self) -> None:
        try:
            while self._wants_renewal():
                self._renew_once(self._directory / str(self._state["generation"] + 1))
        except Exception as error:  # the shard goes on as it is: slower, and nothing lost
            self._fresh = 0  # tried again when as much has come once more
            log.warning("the vector index could not be optimised", shard=self._directory.name, error=str(error))
        finally:
            self._missed = self._renewing = None

    def _renew_once(self, copy: Path) -> None:
        shutil.rmtree(copy, ignore_errors=True)
        with self._writing:
            self._now.shard.flush()
            shutil.copytree(self._now.directory, copy)
            self._missed, self._fresh = [], 0
            points, configuration = self._now.shard.info().points_count, json.loads(json.dumps(self.configuration))
        self._optimise(copy, configuration)
        with self._writing:
            if not self._closed:
                self._take(copy, points)

    def _take(self, copy: Path, points: int) -> None:
        """The optimised copy becomes the shard, with what was written meanwhile."""
        new = Generation(copy, self.configuration)
        for operation in self._missed or []:
            new.shard.update(operation)
        new.shard.flush()
        self._missed = None
        self._state |= {"generation": self._state["generation"] + 1, "optimised": points}
        self._write_record()
        old, self._now = self._now, new
        old.retire()

    def query_batch(self, queries: list[Json]) -> list[Json]:
        with self._reading() as shard:
            found = shard.query_batch(edge.QueryBatchRequest([read_query(query) for query in queries]))
        return [
            {"points": [{"id": str(p.id), "version": 0, "score": p.score, "payload": p.payload} for p in points]}
            for points in found
        ]

    def retrieve(self, given: Json) -> list[Json]:
        with self._reading() as shard:
            found = shard.retrieve(given["ids"], given.get("with_payload", True), given.get("with_vector", False))
        return [self._json_record(record) for record in found]

    def scroll(self, given: Json) -> Json:
        order = given.get("order_by")
        request = edge.ScrollRequest(
            offset=given.get("offset"),
            limit=given.get("limit") or 10,
            filter=read_filter(given.get("filter")),
            with_payload=given.get("with_payload", True),
            with_vector=given.get("with_vector") or False,
            order_by=read_order(order) if order else None,
        )
        with self._reading() as shard:
            records, following = shard.scroll(request)
        return {
            "points": [self._json_record(record) for record in records],
            "next_page_offset": str(following) if following is not None else None,
        }

    @staticmethod
    def _json_record(record: Any) -> Json:
        held = record.vector
        vector = {name: json_vector(v) for name, v in held.items()} if isinstance(held, dict) else held
        return {"id": str(record.id), "payload": record.payload, "vector": vector}

    def count(self, given: Json) -> int:
        with self._reading() as shard:
            return int(shard.count(edge.CountRequest(filter=read_filter(given.get("filter")), exact=True)))

    def facet(self, given: Json) -> Json:
        only(given, "key limit filter exact", "a facet")
        request = edge.FacetRequest(
            given["key"], given.get("limit") or 10, bool(given.get("exact")), read_filter(given.get("filter"))
        )
        with self._reading() as shard:
            return {"hits": [{"value": hit.value, "count": hit.count} for hit in shard.facet(request).hits]}

    def close(self) -> None:
        """What is being optimised is given up; the shard as it is holds everything."""
        with self._writing:
            self._closed = True
            self._now.shard.flush()
            self._now.shard.close()


class Engine:
    """All collections under one folder. `optimise` makes a copied shard's graph, in a process of its own."""

    def __init__(self, directory: Path, optimise: Optimise) -> None:
        self._directory, self._optimise = directory, optimise
        self._directory.mkdir(parents=True, exist_ok=True)
        self._creating = threading.Lock()
        self.shards: dict[str, Shard] = {}
        for file in sorted(directory.glob("*.json")):
            self._adopt(file)
            self.shards[file.stem] = Shard(directory / file.stem, optimise)

    def _adopt(self, file: Path) -> None:
        """A shard of before generations lay in its folder itself."""
        folder, fields = file.with_suffix(""), json.loads(file.read_text())
        if "generation" not in fields:
            folder.rename(folder.with_name("adopted"))
            folder.mkdir()
            folder.with_name("adopted").rename(folder / "0")
            file.write_text(json.dumps({"configuration": fields, "generation": 0, "optimised": 0}))

    def create(self, name: str, configuration: Json) -> None:
        with self._creating:
            if name in self.shards:
                raise Refused(f"collection {name} already exists")
            self.shards[name] = Shard(self._directory / name, self._optimise, configuration)

    def drop(self, name: str) -> bool:
        with self._creating:
            shard = self.shards.pop(name, None)
            if shard is None:
                return False
            (self._directory / f"{name}.json").unlink(missing_ok=True)
            shard.close()
            shutil.rmtree(self._directory / name, ignore_errors=True)
            return True

    def close(self) -> None:
        for shard in self.shards.values():
            shard.close()
