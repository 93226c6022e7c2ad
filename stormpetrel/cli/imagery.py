"""`stormpetrel imagery`: what is prepared once for the detection of water."""

from __future__ import annotations

from pathlib import Path

import typer

from stormpetrel.cli.command import AsJson, print_result


def prior(
    dem: Path = typer.Argument(exists=True, dir_okay=False, help="Elevations in any format that GDAL reads."),
    out: Path = typer.Option(None, file_okay=False, help="The folder of both rasters. [default: the DEM's]"),
    stream_km2: float = typer.Option(1.0, min=0.001, help="A stream is where so much ground drains to."),
    feet: bool = typer.Option(False, "--feet", help="The heights are in feet, though the file does not say so."),
    as_json: AsJson = False,
) -> None:
    """Height above the nearest drainage and slope, for the settings `imagery.hand` and `imagery.slope`."""
    from stormpetrel.imagery.water.terrain import terrain_of

    terrain = terrain_of(dem, stream_km2, feet)
    folder = out or dem.parent
    folder.mkdir(parents=True, exist_ok=True)
    hand, slope = terrain.save(folder, dem.stem)
    shares = {"voids_filled": round(terrain.filled_share, 5), "voids_left": round(terrain.void_share, 5)}
    text = (
        f"set imagery.hand to {hand} and imagery.slope to {slope}; "
        f"{terrain.filled_share:.1%} of the cells were voids and are filled, {terrain.void_share:.1%} remain unknown"
    )
    print_result({"hand": str(hand), "slope": str(slope), **shares}, text, as_json)
