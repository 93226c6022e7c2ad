"""Whatever JSON a catalogue or a push sends, a parser gives an event within bounds, or the documented error."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from unittest.mock import Mock

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from consumers.sources.product_files import notice
from stormpetrel.core.errors import MalformedRecord
from stormpetrel.core.events import ProductAnnounced, ProductWithdrawn, encode
from stormpetrel.core.ports import EventProducer
from stormpetrel.imagery.catalogue import cdse
from stormpetrel.imagery.catalogue import stac_api as stac
from stormpetrel.imagery.catalogue.product_publisher import ProductPublisher
from stormpetrel.imagery.pairing import Rules, footprint_of, scenes_of
from stormpetrel.imagery.readers.locations import is_address

NOW = datetime(2025, 11, 4, 12, tzinfo=UTC)
NAME = "S2B_MSIL2A_20251104T101200_N0511_R022_T32TMQ_20251104T120000"
BOX = {"type": "Polygon", "coordinates": [[[8, 44], [9, 44], [9, 45], [8, 45], [8, 44]]]}
PRODUCT: dict[str, Any] = {
    "Id": "id-1",
    "Name": f"{NAME}.SAFE",
    "PublicationDate": "2025-11-04T12:00:00.000Z",
    "ModificationDate": "2025-11-04T12:00:00.000Z",
    "GeoFootprint": BOX,
    "ContentDate": {"Start": "2025-11-04T10:00:00Z", "End": "2025-11-04T10:00:00Z"},
    "ContentLength": 7,
    "S3Path": f"/eodata/{NAME}.SAFE",
    "Checksum": [{"Algorithm": "MD5", "Value": "0" * 32}],
    "Attributes": [{"Name": "cloudCover", "Value": 12.5}, {"Name": "relativeOrbitNumber", "Value": 22}],
}
NOTIFICATION: dict[str, Any] = {"SubscriptionEvent": "created", "ProductName": f"{NAME}.SAFE", "value": PRODUCT}
ITEM: dict[str, Any] = {
    "type": "Feature",
    "id": NAME,
    "geometry": BOX,
    "properties": {"datetime": "2025-11-04T10:00:00Z", "eo:cloud_cover": 3.0, "sat:relative_orbit": 22},
    "links": [{"rel": "self", "href": "https://stac.dataspace.copernicus.eu/v1/item"}],
    "assets": {"B02_10m": {"href": "s3://eodata/x_B02_10m.jp2"}, "noise-vv": {"href": "noise.xml"}},
}
PARSERS: list[tuple[Callable[..., Any], Any]] = [
    (lambda record: cdse.notification(record, NOW), NOTIFICATION),
    (lambda record: cdse.product(record, NOW), PRODUCT),
    (lambda record: stac.item(record, NOW), ITEM),
    (lambda record: notice(json.dumps(record).encode("utf-8", "replace")), NOTIFICATION),
]
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([2**63, -(2**70), 10**400, math.nan, math.inf, -0.0, 3e38])
    | st.floats()
    | st.text(st.characters(codec=None), max_size=20)
    | st.sampled_from(["a" * 10_000, "\x00", "/etc/passwd", "file:///etc/passwd", "/vsicurl/http://169.254.169.254/"])
    | st.sampled_from(["9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00+14:00", "9" * 40, "..", "s3://b/../../x"])
    | st.just(BOX),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=10), inner, max_size=5),
    max_leaves=12,
)


def paths_in(record: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    children = record.items() if isinstance(record, dict) else enumerate(record) if isinstance(record, list) else ()
    return [path, *(found for key, child in children for found in paths_in(child, (*path, key)))]


def replaced(record: Any, path: tuple[Any, ...], value: Any) -> Any:
    if not path:
        return value
    copy = dict(record) if isinstance(record, dict) else list(record)
    copy[path[0]] = replaced(record[path[0]], path[1:], value)
    return copy


def assert_within_bounds(event: Any) -> None:
    """The event is one that every store and every reader of the log takes."""
    assert event is None or isinstance(event, ProductAnnounced | ProductWithdrawn)
    if not isinstance(event, ProductAnnounced):
        return
    assert len(encode(event)) < 1_000_000
    orjson.dumps(event.model_dump(mode="json"))  # integers of 64 bits
    json.dumps(event.model_dump(mode="json"), allow_nan=False)
    assert footprint_of(event).area > 0
    scenes_of(event, [event], Rules())
    locations = [*event.assets.values(), *([event.location] if event.location else [])]
    assert all(is_address(location) for location in locations), "no path comes from outside"


@pytest.mark.parametrize(("parse", "record"), PARSERS)
def test_the_examples_are_read(parse: Callable[..., Any], record: Any) -> None:
    event = parse(record)
    assert isinstance(event, ProductAnnounced)
    assert_within_bounds(event)


@pytest.mark.parametrize(("parse", "record"), PARSERS)
@given(data=st.data())
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
def test_any_json_gives_an_event_or_the_documented_error(
    parse: Callable[..., Any], record: Any, data: st.DataObject
) -> None:
    for _ in range(data.draw(st.integers(1, 2))):
        record = replaced(record, data.draw(st.sampled_from(paths_in(record))), data.draw(values))
    try:
        event = parse(record)
    except MalformedRecord as error:
        assert 0 < len(str(error)) < 1500
    else:
        assert_within_bounds(event)
    producer = Mock(spec=EventProducer)
    ProductPublisher(producer, "push").take(record, parse, "test")  # before: its dead letter could not be encoded
    for letter in producer.dead_letter.call_args_list:
        assert isinstance(letter.args[1], bytes)


BOW_TIE = {"type": "Polygon", "coordinates": [[[8, 44], [9, 45], [9, 44], [8, 45], [8, 44]]]}
NO_NUMBER = {"type": "Polygon", "coordinates": [[[8, 44], [9, math.nan], [9, 45], [8, 45], [8, 44]]]}
FAR_OUT = {"type": "Polygon", "coordinates": [[[8e6, 44], [9e6, 44], [9e6, 45], [8e6, 45], [8e6, 44]]]}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"ContentLength": 2**70}, "size: Input should be less than or equal to 9223372036854775807"),
        ({"ContentLength": "9" * 40}, "size: Input should be less than or equal to 9223372036854775807"),
        ({"Attributes": [{"Name": "relativeOrbitNumber", "Value": -(2**64)}]}, "relative_orbit: Input should be"),
        ({"Name": "S2B_" + "A" * 10_000}, "product_name"),
        ({"ModificationDate": "x" * 10_000}, "revision: String should have at most"),
        ({"GeoFootprint": BOW_TIE}, "crosses itself: Self-intersection"),
        ({"GeoFootprint": NO_NUMBER}, "no degrees"),
        ({"GeoFootprint": FAR_OUT}, "no degrees"),
        ({"GeoFootprint": {"type": "Point", "coordinates": [8, 44]}}, "no polygon"),
        ({"S3Path": "/eodata/../../etc/passwd"}, "climbs out"),
        ({"ContentDate": {"Start": "9999-12-31T23:59:59-14:00"}}, "sensed_from|out of range|overflow"),
    ],
)
def test_a_product_out_of_bounds_is_refused_with_its_reason(change: dict[str, Any], reason: str) -> None:
    with pytest.raises(MalformedRecord, match=reason) as error:
        cdse.notification({**NOTIFICATION, "value": {**PRODUCT, **change}}, NOW)
    assert len(str(error.value)) < 1500


@pytest.mark.parametrize(
    "path", ["/etc/passwd", "../../etc/passwd", "file:///etc/passwd", "/vsicurl/http://10.0.0.1/a"]
)
def test_a_notification_from_the_network_names_no_path(path: str) -> None:
    with pytest.raises(MalformedRecord, match="only the operator"):
        cdse.notification({**NOTIFICATION, "x-local-path": path}, NOW)
    with pytest.raises(MalformedRecord, match=r"only the operator|no address"):
        stac.item({**ITEM, "links": [], "assets": {"B02_10m": {"href": path}}}, NOW)
