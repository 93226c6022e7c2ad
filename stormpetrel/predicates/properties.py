"""The properties that predicates name, as the items of the STAC API bear them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from stormpetrel.core.errors import BadQuery

Kind = Literal["number", "text", "time", "list", "geometry"]
OWN = "stormpetrel"


@dataclass(frozen=True)
class Property:
    """A property by its name in an item. `key` is where an item's values, and the vector index where it is `indexed`,
    have it. `domain` are all its values, where they are few. `optional` says that items may lack it."""

    name: str
    kind: Kind
    key: str
    description: str
    domain: tuple[str | int, ...] = ()
    indexed: bool = True
    optional: bool = True
    bounds: tuple[float, float] | None = None

    def schema(self) -> dict[str, Any]:
        """The property as JSON Schema: what a queryable is to the clients of a STAC API."""
        if self.kind == "geometry":
            return {"$ref": "https://geojson.org/schema/Geometry.json", "description": self.description}
        allowed: dict[str, Any] = {"enum": list(self.domain)} if self.domain else {}
        form: dict[str, Any] = {"type": "number" if self.kind == "number" else "string"}
        if self.bounds:
            form |= {"minimum": self.bounds[0], "maximum": self.bounds[1]}
        if self.kind == "time":
            form["format"] = "date-time"
        if self.kind == "list":
            form = {"type": "array", "items": {"type": "string", **allowed}}
            allowed = {}
        return {"title": self.name, "description": self.description, **form, **allowed}


SHARE = (0.0, 1.0)
PROPERTIES = (
    Property("id", "text", "id", "The item's id", indexed=False, optional=False),
    Property("collection", "text", "collection", "patches, scenes or products", indexed=False, optional=False),
    Property("geometry", "geometry", "geometry", "The item's outline, for S_INTERSECTS", optional=False),
    Property("datetime", "time", "event_time", "When the image was acquired", optional=False),
    Property(
        "mission", "text", "mission", "sentinel-1 or sentinel-2; radar's, of a pair", indexed=False, optional=False
    ),
    Property("eo:cloud_cover", "number", "cloud_cover", "Clouds, in per cent", bounds=(0, 100)),
    Property("sat:relative_orbit", "number", "relative_orbit", "The relative orbit; radar's, where there is radar"),
    Property(
        "sat:orbit_state", "text", "orbit_state", "The direction of that orbit", domain=("ascending", "descending")
    ),
    Property(
        f"{OWN}:sensors",
        "list",
        "sensors",
        "Whose image it was made of; both, for a pair",
        domain=("sentinel-1", "sentinel-2"),
        optional=False,
    ),
    Property(
        f"{OWN}:new_water",
        "number",
        "new_water_share",
        "New water, as a share of a patch's valid pixels; missing where none was seen or no reference image is there",
        bounds=SHARE,
    ),
    Property(
        f"{OWN}:new_water_confidence",
        "number",
        "new_water_confidence",
        "How sure it is that this water is new, 0 to 1",
        bounds=SHARE,
    ),
    Property(f"{OWN}:water", "number", "water_share", "All water, as a share of a patch's valid pixels", bounds=SHARE),
    Property(
        f"{OWN}:labels",
        "list",
        "labels",
        "The labels that models give to a patch, as named by /v1/models: collection:label",
        optional=False,
    ),
    Property(f"{OWN}:scene", "text", "scene_id", "The scene of a patch", optional=False),
    Property(
        f"{OWN}:scale_level", "number", "scale_level", "The size of a patch, in pixels of 10 m", domain=(120, 240, 480)
    ),
)
# A name may be written without its prefix; `sensor` and `label` read better where one is asked for.
BY_NAME = {each.name.rpartition(":")[2]: each for each in PROPERTIES} | {each.name: each for each in PROPERTIES}
BY_NAME |= {"sensor": BY_NAME["sensors"], "label": BY_NAME["labels"]}


def property_named(name: str) -> Property:
    """Raises BadQuery where there is none."""
    found = BY_NAME.get(name.removeprefix("properties."))
    if found is None:
        known = ", ".join(each.name for each in PROPERTIES)
        raise BadQuery("filter", f"there is no property {name[:100]!r}", f"There are {known}")
    return found
