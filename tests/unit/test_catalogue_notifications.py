"""Notifications and catalogue responses (CDSE, STAC) become events; products become scenes with references."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from unittest.mock import Mock, call

import pytest
import shapely

from stormpetrel.core.errors import MalformedRecord
from stormpetrel.core.events import ProductAnnounced, ProductWithdrawn
from stormpetrel.core.ports import EventProducer
from stormpetrel.core.topics import PRODUCTS_ANNOUNCED
from stormpetrel.imagery.catalogue import cdse
from stormpetrel.imagery.catalogue import stac_api as stac
from stormpetrel.imagery.catalogue.notice import notice
from stormpetrel.imagery.catalogue.product_publisher import ProductPublisher
from stormpetrel.imagery.pairing import Rules, footprint_of, scenes_of
from stormpetrel.imagery.product_names import parse_name, plain_name

NOW = datetime(2025, 11, 4, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def product(
    name: str, platform: str, box: tuple[float, float, float, float], sensed_at: datetime, **more: object
) -> ProductAnnounced:
    return ProductAnnounced.model_validate(
        {
            "product_name": name,
            "platform": platform,
            "product_type": "x",
            "sensed_from": sensed_at,
            "sensed_until": sensed_at,
            "footprint": shapely.geometry.mapping(shapely.box(*box)),
            "source": "test",
            "announced_at": NOW,
            **more,
        }
    )


def test_a_product_is_paired_with_its_nearest_partner_in_time_over_the_same_footprint() -> None:
    optical = product("S2A", "sentinel-2", (8, 44, 9, 45), NOW)
    near = product("S1-near", "sentinel-1", (7, 43, 10, 46), NOW - DAY)
    far = product("S1-far", "sentinel-1", (7, 43, 10, 46), NOW - 2 * DAY)
    elsewhere = product("S1-else", "sentinel-1", (20, 43, 22, 46), NOW)
    late = product("S1-late", "sentinel-1", (7, 43, 10, 46), NOW + 9 * DAY)
    (scene,) = scenes_of(optical, [optical, near, far, elsewhere, late], Rules())
    assert scene.id == "S2A|S1-near"
    assert scene.radar_reference == far
    assert set(scene.replaces) == {"S2A", "S1-near"}


def test_the_part_of_a_footprint_without_a_partner_is_a_scene_of_its_own() -> None:
    radar = product("S1A", "sentinel-1", (7, 43, 10, 46), NOW)
    optical = product("S2A", "sentinel-2", (8, 44, 9, 45), NOW)
    scenes = {scene.id: scene for scene in scenes_of(radar, [radar, optical], Rules())}
    assert set(scenes) == {"S2A|S1A", "S1A"}
    assert scenes["S1A"].footprint.intersection(scenes["S2A|S1A"].footprint).area == pytest.approx(0)
    total = sum(scene.footprint.area for scene in scenes.values())
    assert total == pytest.approx(footprint_of(radar).area)


def test_outside_the_area_of_interest_there_is_no_scene() -> None:
    radar = product("S1A", "sentinel-1", (7, 43, 10, 46), NOW)
    assert scenes_of(radar, [radar], Rules(area=shapely.box(20, 20, 21, 21))) == []
    (scene,) = scenes_of(radar, [radar], Rules(area=shapely.box(9, 44, 20, 50)))
    assert scene.footprint.bounds == (9, 44, 10, 46)


def test_a_reference_image_is_of_the_same_orbit_where_orbits_are_known() -> None:
    radar = product("S1A", "sentinel-1", (7, 43, 10, 46), NOW, relative_orbit=15)
    same = product("S1-same", "sentinel-1", (7, 43, 10, 46), NOW - 12 * DAY, relative_orbit=15)
    other = product("S1-other", "sentinel-1", (7, 43, 10, 46), NOW - DAY, relative_orbit=88)
    (scene,) = scenes_of(radar, [radar, same, other], Rules())
    assert scene.radar_reference == same


def test_a_product_has_one_name_in_all_sources() -> None:
    name = "S2A_MSIL2A_20200808T010311_N0500_R045_T54PXA_20230413T212505"
    variants = (name, f"{name}.SAFE", f"{name}.SAFE.zip", f"/data/{name}.SAFE/", f"{name}.SAFEE")
    assert {plain_name(variant) for variant in variants} == {name}
    parsed = parse_name("S1A_IW_GRDH_1SDV_20180716T004042_20180716T004107_022812_02792A_FD5B")
    assert parsed is not None
    assert (parsed.product_type, parsed.relative_orbit) == ("GRD", 165)
    assert parse_name("LC08_L1TP_190030") is None


def test_a_malformed_notification_is_refused_and_one_without_its_product_keeps_the_id() -> None:
    for raw in (b"{", b"[]", b'{"SubscriptionEvent": "sung"}'):
        with pytest.raises(MalformedRecord):
            notice(raw)
    with pytest.raises(cdse.MissingProduct) as error:
        cdse.notification({"SubscriptionEvent": "created", "ProductId": "d2ff986b"}, NOW)
    assert error.value.product_id == "d2ff986b"


def test_created_modified_and_deleted_are_all_read(data: Path) -> None:
    folder = data / "sentinel_catalogue"
    outcomes: Counter[str] = Counter()
    for file in ("cdse_notifications_documented.jsonl", "notifications_from_catalogue.jsonl"):
        for line in (folder / file).read_bytes().splitlines():
            try:
                event = notice(line)
            except cdse.MissingProduct:
                outcomes["missing product"] += 1
                continue
            outcomes[type(event).__name__] += 1
            if isinstance(event, ProductAnnounced):
                assert footprint_of(event).area > 0
                west, _, east, _ = footprint_of(event).bounds
                assert -180 <= west <= east <= 180
    assert outcomes["ProductAnnounced"] > 130
    assert outcomes["missing product"] >= 2, "older than three days: only the id is left"
    assert outcomes["NoneType"] > 0, "SLC and OCN are not supported"


def test_a_revision_is_published_once_and_an_unreadable_record_is_a_dead_letter() -> None:
    producer = Mock(spec=EventProducer)
    publisher = ProductPublisher(producer, "test")
    first, revised = (product("S1A", "sentinel-1", (7, 43, 10, 46), NOW, revision=name) for name in ("1", "2"))
    assert [publisher.take(event, lambda event: event, "x") for event in (first, first, revised)] == [
        first,
        first,
        revised,
    ]
    assert publisher.take({}, lambda _: None, "x") is None
    assert publisher.take({"a": 1}, lambda record: cdse.notification(record, NOW), "queue/7") is None
    assert publisher.counts == {"published": 2, "again": 1, "passed": 1, "dead": 1}
    assert producer.publish.call_args_list == [call(PRODUCTS_ANNOUNCED, "S1A", event) for event in (first, revised)]
    topic, raw, reason, stage, provenance = producer.dead_letter.call_args.args
    assert (topic, raw, stage, provenance) == (PRODUCTS_ANNOUNCED, b'{"a":1}', "source test", "queue/7")
    assert "SubscriptionEvent" in reason


def test_a_deleted_product_is_withdrawn() -> None:
    name = "S1A_IW_GRDH_1SDV_20180716T004042_20180716T004107_022812_02792A_FD5B.SAFE"
    event = cdse.notification({"SubscriptionEvent": "deleted", "ProductName": name}, NOW)
    assert isinstance(event, ProductWithdrawn)
    assert event.product_name == plain_name(name)


def test_catalogue_responses_are_read(data: Path) -> None:
    folder = data / "sentinel_catalogue"
    feature = json.loads((folder / "cdse_stac_sentinel-2-l2a_search.json").read_text())["features"][0]
    item = stac.item(feature, NOW)
    assert item is not None
    assert set(item.assets) == {"B02", "B03", "B04", "B08", "SCL"}
    assert item.assets["B02"].endswith("_B02_10m.jp2")
    assert (item.relative_orbit, item.cloud_cover) == (135, 87.94)
    # An item of a catalogue on disk: its assets are relative, and it has no address of its own.
    item_on_disk = json.loads((folder / "stac_sentinel-1-grd_item.json").read_text())
    radar = stac.item(item_on_disk, NOW, root=folder)
    assert radar is not None
    assert {"vv", "vh"} <= set(radar.assets)
    assert radar.source == "files"
    with pytest.raises(MalformedRecord, match="--root"):
        stac.item(item_on_disk, NOW)
    products = [
        cdse.product(value, NOW) for value in json.loads((folder / "cdse_odata_products_s2.json").read_text())["value"]
    ]
    locations = [announced.location if announced else None for announced in products]
    assert locations
    assert [location for location in locations if not str(location).startswith("s3://eodata/")] == []
    earth_search = data / "sentinel_format_samples" / "s2_l2a_cog_100m_29RKH" / "S2A_29RKH_20200219_0_L2A.json"
    item = stac.item(json.loads(earth_search.read_text()), NOW)
    assert item is not None
    assert item.product_name == "S2A_MSIL2A_20200219T112111_N0214_R037_T29RKH_20200219T123947"
