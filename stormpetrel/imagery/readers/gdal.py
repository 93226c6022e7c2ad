"""Whether GDAL can be loaded on this machine. Asked at the start: a product is too late to find out."""

from __future__ import annotations

from stormpetrel.core.errors import SetupError

FORMATS = ("GTiff", "JP2OpenJPEG", "COG")


def require_gdal() -> str:
    """GDAL's version. Raises SetupError, with the remedy, where rasterio cannot be loaded or a format is missing."""
    try:
        import rasterio
        from rasterio.env import Env
    except ImportError as error:
        raise SetupError(
            f"no product can be read: rasterio cannot be loaded ({error}). On Debian and its slim images: "
            "apt-get install libexpat1; elsewhere install the library that the message names"
        ) from error
    with Env() as environment:
        missing = [name for name in FORMATS if name not in environment.drivers()]
    if missing:
        raise SetupError(f"this GDAL cannot read or write {', '.join(missing)}; install rasterio's wheel: make install")
    return str(rasterio.__gdal_version__)
