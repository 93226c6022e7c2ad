"""The tiles of a scene as a WMTS 1.0.0 capabilities document (OGC 07-057r7), in its resource-oriented form."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from lxml import etree

from stormpetrel.imagery.tiles.layers import Layer
from stormpetrel.imagery.tiles.matrix import EDGE, SCALE, SIDE

WMTS, OWS, XLINK = "http://www.opengis.net/wmts/1.0", "http://www.opengis.net/ows/1.1", "http://www.w3.org/1999/xlink"
MATRIX_SET = "WebMercatorQuad"
CRS, SCALE_SET = "urn:ogc:def:crs:EPSG::3857", "urn:ogc:def:wkss:OGC:1.0:GoogleMapsCompatible"
FORMS = {"png": "image/png", "webp": "image/webp"}
Box = tuple[float, float, float, float]  # west, south, east, north in degrees; west is larger across the antimeridian
CREDIT = "Contains modified Copernicus Sentinel data"
POINTS = 21  # along each side of a scene: a straight line in metres is none in degrees
DEEPEST_LISTED = 18  # a pixel of 10 m has 16 px there; deeper zooms show no more, and are answered all the same


def box_of(epsg: int, bounds: tuple[float, float, float, float]) -> Box:
    """The box in degrees around bounds in metres of a UTM zone; west is larger than east across the antimeridian."""
    from rasterio.crs import CRS as CoordinateSystem
    from rasterio.warp import transform

    west, south, east, north = bounds
    xs, ys = np.linspace(west, east, POINTS), np.linspace(south, north, POINTS)
    edge = [(x, y) for x in xs for y in (south, north)] + [(x, y) for y in ys for x in (west, east)]
    metres, degrees = CoordinateSystem.from_epsg(epsg), CoordinateSystem.from_epsg(4326)
    lons, lats = (np.array(axis) for axis in transform(metres, degrees, *zip(*edge, strict=True)))
    south, north = float(lats.min()), float(lats.max())
    if np.ptp(lons) > 180:
        return float(lons[lons > 0].min()), south, float(lons[lons < 0].max()), north
    return float(lons.min()), south, float(lons.max()), north


def capabilities(title: str, layers: Iterable[Layer], box: Box, address: str) -> bytes:
    """The document of a scene's tiles over `box`. `address` is that of its tiles, without a slash at its end."""
    root = etree.Element(f"{{{WMTS}}}Capabilities", nsmap={None: WMTS, "ows": OWS, "xlink": XLINK}, version="1.0.0")
    service = _add(root, OWS, "ServiceIdentification")
    _add(service, OWS, "Title", title)
    _add(service, OWS, "Abstract", CREDIT)
    _add(service, OWS, "ServiceType", "OGC WMTS")
    _add(service, OWS, "ServiceTypeVersion", "1.0.0")
    contents = _add(root, WMTS, "Contents")
    for layer in layers:
        _add_layer(contents, layer, box, address)
    _add_matrix_set(contents)
    _add(root, WMTS, "ServiceMetadataURL").set(f"{{{XLINK}}}href", f"{address}/WMTSCapabilities.xml")
    return bytes(etree.tostring(root, xml_declaration=True, encoding="UTF-8", pretty_print=True))


def _add_layer(contents: etree._Element, layer: Layer, box: Box, address: str) -> None:
    west, south, east, north = box
    element = _add(contents, WMTS, "Layer")
    _add(element, OWS, "Title", layer.title)
    _add(element, OWS, "Abstract", f"{layer.abstract}. {CREDIT}")
    degrees = _add(element, OWS, "WGS84BoundingBox")
    _add(degrees, OWS, "LowerCorner", f"{west:.7f} {south:.7f}")
    _add(degrees, OWS, "UpperCorner", f"{east:.7f} {north:.7f}")
    _add(element, OWS, "Identifier", layer.name)
    style = _add(element, WMTS, "Style")
    style.set("isDefault", "true")
    _add(style, OWS, "Identifier", "default")
    for media_type in FORMS.values():
        _add(element, WMTS, "Format", media_type)
    linked = _add(element, WMTS, "TileMatrixSetLink")
    _add(linked, WMTS, "TileMatrixSet", MATRIX_SET)
    for form, media_type in FORMS.items():
        template = f"{address}/{layer.name}/{{TileMatrix}}/{{TileCol}}/{{TileRow}}.{form}"
        resource = _add(element, WMTS, "ResourceURL")
        for name, value in (("format", media_type), ("resourceType", "tile"), ("template", template)):
            resource.set(name, value)


def _add_matrix_set(contents: etree._Element) -> None:
    matrix_set = _add(contents, WMTS, "TileMatrixSet")
    _add(matrix_set, OWS, "Identifier", MATRIX_SET)
    _add(matrix_set, OWS, "SupportedCRS", CRS)
    _add(matrix_set, WMTS, "WellKnownScaleSet", SCALE_SET)
    for zoom in range(DEEPEST_LISTED + 1):
        matrix = _add(matrix_set, WMTS, "TileMatrix")
        _add(matrix, OWS, "Identifier", str(zoom))
        _add(matrix, WMTS, "ScaleDenominator", repr(SCALE / 2**zoom))
        _add(matrix, WMTS, "TopLeftCorner", f"{-EDGE!r} {EDGE!r}")
        _add(matrix, WMTS, "TileWidth", str(SIDE))
        _add(matrix, WMTS, "TileHeight", str(SIDE))
        _add(matrix, WMTS, "MatrixWidth", str(2**zoom))
        _add(matrix, WMTS, "MatrixHeight", str(2**zoom))


def _add(parent: etree._Element, namespace: str, name: str, text: str | None = None) -> etree._Element:
    element = etree.SubElement(parent, f"{{{namespace}}}{name}")
    element.text = text
    return element
