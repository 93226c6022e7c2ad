"""Qdrant's own engine in this process (qdrant-edge), one shard a collection, behind Qdrant's REST bodies.

Fresh points are searched one by one. When there are enough of them, a copy of the shard is optimised (HNSW graph,
quantisation, merged segments) in a process of its own, since the engine's `optimize()` stops every thread of the
process that calls it. What was written meanwhile is written to the copy too, and the copy replaces the shard.
"""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import qdrant_edge as edge
import structlog

from stormpetrel.local import qdrant_codec as codec
from stormpetrel.local.qdrant_codec import SCHEMAS, BadRequest, Json, read_filter, require_fields
from stormpetrel.local.vector_generation import Generation
from stormpetrel.local.vector_validation import check_point, check_vector

log = structlog.get_logger()
FLUSH_EVERY = 5000  # points; in between, the write-ahead log keeps them
FRESH_MOST = 20_000  # points that are searched one by one before a copy is optimised
FRESH_SHARE = 0.2  # and the least share of all points that they must be: a copy costs as much as the whole shard
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
        self.configuration: Json = self._state["configuration"]
        self._current = Generation(directory / str(self._state["generation"]), self.configuration)
        self._writing = threading.Lock()
        self._unflushed = 0
        self._fresh = self._current.shard.info().points_count - self._state["optimised"]
        self._closed = False
        self._writes_since_copy: list[Any] | None = None  # None: no copy is being optimised
        self._optimising: threading.Thread | None = None
        self._write_record()
        for folder in directory.iterdir():  # of an optimisation that was interrupted
            if folder != self._current.directory:
                shutil.rmtree(folder)

    @property
    def optimising(self) -> bool:
        """Whether a copy is being optimised, or should be."""
        return self._optimising is not None or self._needs_optimising()

    def _write_record(self) -> None:
        fresh = self._record.with_name(f"{self._record.name}.fresh")
        fresh.write_text(json.dumps(self._state))
        fresh.rename(self._record)

    @contextmanager
    def _reading(self) -> Iterator[Any]:
        generation = self._current
        while not generation.enter():
            generation = self._current
        try:
            yield generation.shard
        finally:
            generation.leave()

    def index(self, field: str, schema: str) -> None:
        if schema not in SCHEMAS:
            raise BadRequest(f"no payload index of type {schema!r} in the local vector index")
        self._write(edge.UpdateOperation.create_field_index(field, SCHEMAS[schema]), 0)

    def upsert(self, points: list[Json]) -> None:
        for point in points:
            check_point(point, self.configuration)
        self._write(edge.UpdateOperation.upsert_points([codec.read_point(point) for point in points]), len(points))

    def set_vectors(self, points: list[Json]) -> None:
        """These vectors of points that are there; all others, and the payloads, stay."""
        for point in points:
            check_point(point, self.configuration)
        operation = edge.UpdateOperation.update_vectors([codec.read_vectors(point) for point in points])
        # The engine moves points with a changed vector out of the graph: they count as fresh.
        self._write(operation, len(points), [point["id"] for point in points])

    def delete(self, ids: list[Any]) -> None:
        self._write(edge.UpdateOperation.delete_points(ids), len(ids))

    def set_payload(self, body: Json) -> None:
        """Fields of the points that a filter of ids lets through; those that are there."""
        require_fields(body, "payload filter", "a change of payloads")
        condition = body["filter"]
        if list(condition) != ["must"] or [list(part) for part in condition["must"]] != [["has_id"]]:
            raise BadRequest("the local vector index changes payloads by a filter on has_id alone")
        operation = edge.UpdateOperation.set_payload_by_filter(read_filter(condition), body["payload"])
        # The engine moves points with a changed indexed field out of the graph: they count as fresh.
        self._write(operation, len(condition["must"][0]["has_id"]))

    def _write(self, operation: Any, points: int, must_exist: Sequence[Any] = ()) -> None:
        with self._writing:
            # Before it is on the engine's log, where it would fail again whenever the log is read.
            if must_exist:
                there = {str(record.id) for record in self._current.shard.retrieve(list(must_exist), False, False)}
                if missing := [each for each in must_exist if str(each) not in there]:
                    raise BadRequest(f"No point with id {missing[0]}")
            self._current.shard.update(operation)
            if self._writes_since_copy is not None:
                self._writes_since_copy.append(operation)
            self._unflushed += points
            self._fresh += points
            if self._unflushed >= FLUSH_EVERY:
                self._current.shard.flush()
                self._unflushed = 0
            self._optimise_if_due()

    def reconfigure(self, vectors: Json) -> None:
        """Another quantisation of these vectors; it takes effect once a copy is optimised, which begins at once."""
        with self._writing:
            for name, changed in vectors.items():
                require_fields(changed, "quantization_config", "a change of vectors")
                config = changed.get("quantization_config")
                self.configuration["vectors"][name]["quantization_config"] = None if config == "Disabled" else config
            self._state["optimised"] = 0
            self._fresh = self._current.shard.info().points_count
            self._write_record()
            self._optimise_if_due()

    def _needs_optimising(self) -> bool:
        if self._closed or self._fresh < FRESH_MOST:
            return False
        return bool(self._fresh >= FRESH_SHARE * self._current.shard.info().points_count)

    def _optimise_if_due(self) -> None:
        """Starts the optimisation; the caller holds the write lock."""
        if self._optimising is None and self._needs_optimising():
            self._optimising = threading.Thread(target=self._optimise_in_background, daemon=True)
            self._optimising.start()

    def _optimise_in_background(self) -> None:
        try:
            while self._needs_optimising():
                self._optimise_copy(self._directory / str(self._state["generation"] + 1))
        except BaseException as error:  # or a panic: the shard stays as it is: slower, but nothing is lost
            self._fresh = 0  # tried again after as many fresh points
            log.warning("the vector index could not be optimised", shard=self._directory.name, error=str(error))
        finally:
            self._writes_since_copy = self._optimising = None

    def _optimise_copy(self, copy: Path) -> None:
        shutil.rmtree(copy, ignore_errors=True)
        with self._writing:
            self._current.shard.flush()
            shutil.copytree(self._current.directory, copy)
            self._writes_since_copy, self._fresh = [], 0
            points, configuration = self._current.shard.info().points_count, json.loads(json.dumps(self.configuration))
        self._optimise(copy, configuration)
        with self._writing:
            if not self._closed:
                self._replace_by(copy, points)

    def _replace_by(self, copy: Path, points: int) -> None:
        """The optimised copy becomes the shard, with the writes since it was made."""
        new = Generation(copy, self.configuration)
        for operation in self._writes_since_copy or []:
            new.shard.update(operation)
        new.shard.flush()
        self._writes_since_copy = None
        self._state |= {"generation": self._state["generation"] + 1, "optimised": points}
        self._write_record()
        old, self._current = self._current, new
        old.retire()

    def query_batch(self, queries: list[Json]) -> list[Json]:
        for query in queries:
            if "nearest" in (nearest_query := query.get("query") or {}):
                check_vector(query.get("using") or "", nearest_query["nearest"], self.configuration)
        with self._reading() as shard:
            results = shard.query_batch(edge.QueryBatchRequest([codec.read_query(query) for query in queries]))
        return [
            {"points": [{"id": str(p.id), "version": 0, "score": p.score, "payload": p.payload} for p in points]}
            for points in results
        ]

    def retrieve(self, body: Json) -> list[Json]:
        with self._reading() as shard:
            records = shard.retrieve(body["ids"], body.get("with_payload", True), body.get("with_vector", False))
        return [codec.json_record(record) for record in records]

    def scroll(self, body: Json) -> Json:
        order = body.get("order_by")
        request = edge.ScrollRequest(
            offset=body.get("offset"),
            limit=body.get("limit") or 10,
            filter=read_filter(body.get("filter")),
            with_payload=body.get("with_payload", True),
            with_vector=body.get("with_vector") or False,
            order_by=codec.read_order(order) if order else None,
        )
        with self._reading() as shard:
            records, next_offset = shard.scroll(request)
        return {
            "points": [codec.json_record(record) for record in records],
            "next_page_offset": str(next_offset) if next_offset is not None else None,
        }

    def count(self, body: Json) -> int:
        with self._reading() as shard:
            return int(shard.count(edge.CountRequest(filter=read_filter(body.get("filter")), exact=True)))

    def facet(self, body: Json) -> Json:
        require_fields(body, "key limit filter exact", "a facet")
        limit, condition = body.get("limit") or 10, read_filter(body.get("filter"))
        request = edge.FacetRequest(body["key"], limit, bool(body.get("exact")), condition)
        with self._reading() as shard:
            return {"hits": [{"value": hit.value, "count": hit.count} for hit in shard.facet(request).hits]}

    def close(self) -> None:
        """What is being optimised is abandoned; the current shard has everything."""
        with self._writing:
            self._closed = True
            self._current.shard.flush()
            self._current.shard.close()
