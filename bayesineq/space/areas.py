"""Boundaries of areas as published: read, keyed by code, and refused where the geometry cannot be trusted."""

from __future__ import annotations

import json
import re
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from bayesineq.dims import AREA
from bayesineq.errors import GraphError

if TYPE_CHECKING:
    import geopandas as gpd

_SHOWN = 5
_TOPOLOGY = {".topojson", ".json"}
_BOUNDARIES = {".gpkg", ".shp", ".geojson", ".topojson", ".json", ".fgb", ".kml", ".gml", ".geoparquet", ".zip", ".gdb"}
_KINGDOM = (-11.0, 49.0, 4.0, 62.0)
"""West, south, east and north of the United Kingdom, in degrees, with some sea around it."""

_BRITISH = "[EWSN][0-9]{8}"
_MOST = 0.5

_CODE_NAMES = (
    rf"^{AREA}$",
    r"^(lsoa|msoa|oa|soa|dz|iz|lad|ltla|utla|ward|wd|icb|sicbl|pcn|rgn|region|cty|ctyua|buc?)\d{0,2}_?(cd|code)$",
    r"^(area|geography|geo|zone)_?(cd|code|id)$",
    r"^(code|fips|geoid)$",
)


def read_areas(
    path: str | Path, *, code: str | None = None, crs: str | None = None, repair: bool = False
) -> gpd.GeoDataFrame:
    """
    Boundaries from any file that geopandas reads (GeoPackage, shapefile, GeoJSON, TopoJSON, zipped) or GeoParquet.

    Parameters
    ----------
    path : str or Path
        File of polygons, one row an area.
    code : str, optional
        Column of area codes. By default a column named `area`, or one named as the ONS names codes (`LSOA21CD`,
        `lsoa21_code`, ...), where just one such column holds a different text in every row.
    crs : str, optional
        Coordinate reference system of a file that states none, for example "EPSG:27700".
    repair : bool, optional
        Whether to repair what can be repaired, as of `repair_areas`; what was changed then stands in
        `attrs["repaired"]`, a dict a change.

    Returns
    -------
    GeoDataFrame
        The rows of the file in their order, all columns kept, with the codes in a first column `area`.

    Raises
    ------
    GraphError
        If the file is missing or garbled, states no reference system and none is given, states another one than
        the one given, has no column of codes that can be told, or `check_areas` refuses its rows.

    Examples
    --------
    >>> import tempfile
    >>> import geopandas
    >>> from shapely import box
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path, square = Path(folder) / "areas.gpkg", box(0, 0, 1000, 1000)
    ...     geopandas.GeoDataFrame({"LSOA21CD": ["E01000001"]}, geometry=[square], crs="EPSG:27700").to_file(path)
    ...     read_areas(path)
            area   LSOA21CD                                           geometry
    0  E01000001  E01000001  POLYGON ((1000 0, 1000 1000, 0 1000, 0 0, 1000...
    """
    source = Path(path)
    areas = _read(source)
    if areas.crs is None:
        if crs is None:
            raise GraphError(
                f"{source.name}: the file states no coordinate reference system; "
                'pass crs="EPSG:27700" for British National Grid, or crs="EPSG:4326" for longitude and latitude; '
                + _looks(areas)
            )
        areas = areas.set_crs(crs)
    elif crs is not None and not areas.crs.equals(crs):
        raise GraphError(
            f"{source.name}: the file states {areas.crs.to_string()} but crs={crs!r} was given; "
            "leave crs out, and project with areas.to_crs(...) after reading"
        )
    try:
        column = code_column(areas, code, repeated=repair)
        repaired = None
        if repair:
            areas, repaired = repair_areas(areas, code=column)
        codes = area_codes(areas, column)
        check_areas(areas, code=column)
        _check_place(areas, codes)
    except GraphError as error:
        raise GraphError(f"{source.name}: {error}") from error
    if column == AREA:
        rest = areas.drop(columns=AREA)
    elif AREA in areas.columns:
        rest = areas.rename(columns={AREA: "area_as_read"})
    else:
        rest = areas
    rest.insert(0, AREA, codes)
    if repaired is not None:
        rest.attrs["repaired"] = repaired.to_dict("records")
    return rest


def repair_areas(areas: gpd.GeoDataFrame, *, code: str | None = None) -> tuple[gpd.GeoDataFrame, pd.DataFrame]:
    """
    Repair boundaries, and list what was changed: shapes that are not valid, areas in several rows, heights.

    Parameters
    ----------
    areas : GeoDataFrame
        Polygons in any reference system.
    code : str, optional
        Column of area codes, as of `read_areas`.

    Returns
    -------
    (GeoDataFrame, DataFrame)
        The areas, one row each in the order in which they first stand; and a row for each change: `area`, `what`,
        and `surface_change`, the share by which its surface grew (negative: shrank).

    Raises
    ------
    GraphError
        No column of codes can be told, or an area has no polygon at all: that cannot be repaired.

    Examples
    --------
    >>> import geopandas
    >>> from shapely import Polygon
    >>> bow = Polygon([(0, 0), (2, 2), (2, 0), (0, 2)])
    >>> areas, changes = repair_areas(geopandas.GeoDataFrame({"code": ["E01000001"]}, geometry=[bow], crs=27700))
    >>> changes["what"].tolist(), areas.is_valid.tolist()
    (['Self-intersection'], [True])
    """
    import shapely

    column = code_column(areas, code, repeated=True)
    shapes = areas.geometry.to_numpy()
    codes = areas[column].astype(str).to_numpy()
    changes: list[tuple[str, str, float]] = []
    if shapely.has_z(shapes).any():
        changes += [(area, "heights taken off", 0.0) for area in codes[shapely.has_z(shapes)]]
        shapes = shapely.force_2d(shapes)
    wrong = ~shapely.is_valid(shapes) & ~shapely.is_missing(shapes)
    mended = shapes.copy()
    for at in wrong.nonzero()[0]:
        mended[at] = _polygons(shapely.make_valid(shapes[at]))
        before, after = float(shapely.area(shapes[at])), float(shapely.area(mended[at]))
        why = str(shapely.is_valid_reason(shapes[at])).partition("[")[0]
        changes.append((str(codes[at]), why, after / before - 1.0 if before > 0.0 else float("nan")))
    out = areas.set_geometry(mended, crs=areas.crs)
    again = pd.Series(codes).duplicated(keep=False).to_numpy()
    if again.any():
        rows = pd.Series(codes[again]).value_counts(sort=False)
        changes += [(str(area), f"{count} rows joined into one", 0.0) for area, count in rows.items()]
        out = out.dissolve(by=column, sort=False, as_index=False)[list(out.columns)]
    return out, pd.DataFrame(changes, columns=[AREA, "what", "surface_change"])


def _polygons(shape: Any) -> Any:
    """The polygons of a shape; lines and points that are left over of a crossing have no surface."""
    import shapely

    parts = [part for part in shapely.get_parts(shape) if part.geom_type in ("Polygon", "MultiPolygon")]
    return shapely.union_all(parts) if parts else shape


def _looks(areas: gpd.GeoDataFrame) -> str:
    west, south, east, north = areas.total_bounds
    at = f"its coordinates run from {west:,.5g} to {east:,.5g} and from {south:,.5g} to {north:,.5g}"
    if west >= -180 and east <= 180 and south >= -90 and north <= 90:
        return f"{at}, which looks like longitude and latitude"
    if west >= 0 and east <= 700_000 and south >= 0 and north <= 1_300_000:
        return f"{at}, which looks like British National Grid"
    return at


def are_boundaries(path: str | Path) -> bool:
    """Whether a file is one of boundaries, by its name, or by what a parquet file or an archive holds."""
    path = Path(path)
    if path.suffix.lower() in {".parquet", ".geoparquet", ".pq"} and path.is_file():
        import pyarrow.parquet

        try:
            return b"geo" in (pyarrow.parquet.read_schema(path).metadata or {})
        except (OSError, ValueError):
            return False
    if path.suffix.lower() == ".zip" and path.is_file():
        try:
            with zipfile.ZipFile(path) as archive:
                return any(Path(name).suffix.lower() in _BOUNDARIES for name in archive.namelist())
        except zipfile.BadZipFile:
            return False
    return path.suffix.lower() in _BOUNDARIES


def words_of_areas(path: str | Path, areas: gpd.GeoDataFrame) -> list[str]:
    """What boundaries hold, and what to do with them, in lines for a reader."""
    changed = areas.attrs.get("repaired")
    lines = [f"{path}: boundaries of {len(areas):,} areas ({areas.crs.name}), such as {areas[AREA].iloc[0]}"]
    if changed is not None:
        shown = [f"{one[AREA]}: {one['what']} ({one['surface_change']:+.2%} of its surface)" for one in changed[:20]]
        more = [f"and {len(changed) - 20:,} more"] if len(changed) > 20 else []
        number = "1 change" if len(changed) == 1 else f"{len(changed):,} changes"
        lines.append(f"Repaired: {': '.join(filter(None, (number, '; '.join(shown + more))))}")
    return [*lines, "Next: give them with --areas to `bayesineq fit` (neighbours) and `bayesineq report` (a map)."]


def code_column(areas: pd.DataFrame, code: str | None = None, *, repeated: bool = False) -> str:
    """
    Name of the column that holds the area codes.

    Returns: the column asked for, or the one that can be told from its name. A column `area` of numbers is taken
    for a surface, not for codes.
    """
    texts = [str(c) for c in areas.columns if _is_text(areas[c])]
    if code is not None:
        if code not in areas.columns:
            raise GraphError(f"there is no column {code!r}; columns of text here: {texts}")
        return code
    repeating: list[str] = []
    for pattern in _CODE_NAMES:
        named = [c for c in texts if re.match(pattern, c, flags=re.IGNORECASE)]
        found = [
            c for c in named if areas[c].is_unique or (repeated and len(named) == 1 and len(areas[c].unique()) > 1)
        ]
        if len(found) == 1:
            return found[0]
        if len(found) > 1:
            raise GraphError(f"several columns could hold the area codes: {found}; name one with code=")
        repeating += named
    if len(repeating) == 1:
        return repeating[0]
    raise GraphError(f"no column is named like an area code; name one with code=, candidates: {texts}")


def area_codes(areas: pd.DataFrame, code: str | None = None) -> pd.Series:
    """Area codes of each row as text. Shapes: returns (n_area,)."""
    column = code_column(areas, code)
    values = areas[column]
    if not len(values):
        raise GraphError("there is no area: the table has no rows")
    blank = values.isna() | (values.astype(str).str.strip() == "")
    if blank.any():
        rows = [int(r) + 1 for r in blank.to_numpy().nonzero()[0][:_SHOWN]]
        raise GraphError(f"column {column!r} has no code in {int(blank.sum())} rows, first rows {rows}; fill them in")
    codes = values.astype(str)
    padded = codes[codes != codes.str.strip()]
    if len(padded):
        raise GraphError(f"column {column!r} has blanks around {len(padded)} codes, for example {padded.iloc[0]!r}")
    repeated = codes[codes.duplicated()].unique()
    if len(repeated):
        raise GraphError(
            f"column {column!r} has {len(repeated)} codes more than once: {list(repeated[:_SHOWN])}; "
            "give each area one row, its pieces joined in a multipolygon (read_areas(..., repair=True))"
        )
    return codes.rename(AREA)


def check_areas(areas: gpd.GeoDataFrame, *, code: str | None = None) -> None:
    """Refuse boundaries that make no map: every row must be a valid polygon or multipolygon."""
    import shapely

    codes = area_codes(areas, code).to_numpy()
    shapes = areas.geometry.to_numpy()
    kind = shapely.get_type_id(shapes)
    empty = shapely.is_missing(shapes) | shapely.is_empty(shapes)
    polygon = (kind == shapely.GeometryType.POLYGON) | (kind == shapely.GeometryType.MULTIPOLYGON)
    invalid = polygon & ~empty & ~shapely.is_valid(shapes)
    problems = []
    if empty.any():
        problems.append(f"{empty.sum()} areas have no geometry ({', '.join(codes[empty][:_SHOWN])})")
    if (~polygon & ~empty).any():
        wrong = ~polygon & ~empty
        named = [f"{c}: {s.geom_type}" for c, s in zip(codes[wrong][:_SHOWN], shapes[wrong][:_SHOWN], strict=True)]
        problems.append(f"{wrong.sum()} areas are no polygon ({', '.join(named)})")
    if invalid.any():
        reasons = shapely.is_valid_reason(shapes[invalid][:_SHOWN])
        named = [f"{c}: {r}" for c, r in zip(codes[invalid][:_SHOWN], reasons, strict=True)]
        problems.append(f"{invalid.sum()} areas have geometry that is not valid ({'; '.join(named)})")
    if problems:
        raise GraphError(
            "; ".join(problems) + "; repair the boundaries (read_areas(..., repair=True)) or take a clean edition"
        )


def _check_place(areas: gpd.GeoDataFrame, codes: pd.Series) -> None:
    """Refuse coordinates that cannot be of the reference system that is stated: another's, or the wrong way round."""
    assert areas.crs is not None
    stated = areas.crs.to_string()
    stated = stated if len(stated) < 40 else str(areas.crs.name)
    west, south, east, north = (float(end) for end in areas.total_bounds)
    degrees = west >= -180 and east <= 180 and south >= -90 and north <= 90
    if areas.crs.is_geographic and not degrees:
        grid = 'they look like metres of a grid, so state crs="EPSG:27700" for British National Grid'
        turned = south >= -180 and north <= 180 and west >= -90 and east <= 90
        remedy = "longitude and latitude are swapped: write longitude first" if turned else grid
        raise GraphError(
            f"coordinates from {west:g}, {south:g} to {east:g}, {north:g} are no degrees, as {stated} says; {remedy}"
        )
    if areas.crs.is_projected and (_within(west, south, east, north) or _within(south, west, north, east)):
        raise GraphError(
            f"coordinates from {west:g}, {south:g} to {east:g}, {north:g} would make a map smaller than a garden in "
            f"{stated}: they look like degrees, so state EPSG:4326 for longitude and latitude"
        )
    if not (codes.str.fullmatch(_BRITISH).mean() > _MOST and areas.crs.is_geographic):
        return
    if not _within(west, south, east, north):
        turned = _within(south, west, north, east)
        remedy = "longitude and latitude are swapped: write longitude first" if turned else "is it another map's?"
        raise GraphError(
            f"codes such as {codes.iloc[0]!r} are of the United Kingdom, and the map lies at longitude {west:.3g} to "
            f"{east:.3g}, latitude {south:.3g} to {north:.3g}; {remedy}"
        )


def _within(west: float, south: float, east: float, north: float) -> bool:
    at_west, at_south, at_east, at_north = _KINGDOM
    return at_west <= west and at_south <= south and east <= at_east and north <= at_north


def _read(path: Path) -> gpd.GeoDataFrame:
    import geopandas as gpd

    if not path.exists():
        raise GraphError(f"there is no file {path}; give a file of boundaries")
    try:
        if path.suffix.lower() in {".parquet", ".geoparquet"}:
            table, layers = gpd.read_parquet(path), []
        else:
            layers = gpd.list_layers(path)["name"].tolist()
            table = gpd.read_file(path, layer=layers[0] if layers else None)
            table = table if table.crs is not None or path.suffix.lower() not in _TOPOLOGY else _stated_crs(table, path)
    except Exception as error:  # each driver raises its own errors, and all of them mean that the file is unreadable
        raise GraphError(
            f"{path.name}: cannot be read as boundaries ({type(error).__name__}: {error}); "
            "give a GeoPackage, GeoJSON, shapefile or GeoParquet that is whole"
        ) from error
    if len(layers) > 1:
        raise GraphError(
            f"{path.name}: the file holds several layers {layers}; save the one meant in a file of its own"
        )
    if not isinstance(table, gpd.GeoDataFrame) or table.active_geometry_name is None:
        raise GraphError(f"{path.name}: the file holds a table without geometry; give a file of boundaries")
    return table


def _stated_crs(table: gpd.GeoDataFrame, path: Path) -> gpd.GeoDataFrame:
    """With the reference system that the objects of a TopoJSON file name, which its driver passes over."""
    objects = json.loads(path.read_text(encoding="utf-8")).get("objects", {})
    stated = {named for made in objects.values() if (named := made.get("crs", {}).get("properties", {}).get("name"))}
    return table.set_crs(stated.pop()) if len(stated) == 1 else table


def _is_text(column: pd.Series) -> bool:
    return bool(pd.api.types.is_string_dtype(column.dtype)) or column.dtype == "category"
