"""Boundaries of areas as published: read, keyed by code, and refused where the geometry cannot be trusted."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from bayesineq.dims import AREA
from bayesineq.errors import GraphError

if TYPE_CHECKING:
    import geopandas as gpd

_SHOWN = 5
_CODE_NAMES = (
    rf"^{AREA}$",
    r"^(lsoa|msoa|oa|soa|dz|iz|lad|ltla|utla|ward|wd|icb|sicbl|pcn|rgn|region|cty|ctyua|buc?)\d{0,2}_?(cd|code)$",
    r"^(area|geography|geo|zone)_?(cd|code|id)$",
    r"^(code|fips|geoid)$",
)


def read_areas(path: str | Path, *, code: str | None = None, crs: str | None = None) -> gpd.GeoDataFrame:
    """
    Boundaries from any file that geopandas reads (GeoPackage, shapefile, GeoJSON, zipped or not) or GeoParquet.

    Parameters
    ----------
    path : str or Path
        File of polygons, one row an area.
    code : str, optional
        Column of area codes. By default a column named `area`, or one named as the ONS names codes (`LSOA21CD`,
        `lsoa21_code`, ...), where just one such column holds a different text in every row.
    crs : str, optional
        Coordinate reference system of a file that states none, for example "EPSG:27700".

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
                'pass crs="EPSG:27700" for British National Grid, or crs="EPSG:4326" for longitude and latitude'
            )
        areas = areas.set_crs(crs)
    elif crs is not None and not areas.crs.equals(crs):
        raise GraphError(
            f"{source.name}: the file states {areas.crs.to_string()} but crs={crs!r} was given; "
            "leave crs out, and project with areas.to_crs(...) after reading"
        )
    try:
        column = code_column(areas, code)
        codes = area_codes(areas, code)
        check_areas(areas, code=code)
    except GraphError as error:
        raise GraphError(f"{source.name}: {error}") from error
    if column == AREA:
        rest = areas.drop(columns=AREA)
    elif AREA in areas.columns:
        rest = areas.rename(columns={AREA: "area_as_read"})
    else:
        rest = areas
    rest.insert(0, AREA, codes)
    return rest


def code_column(areas: pd.DataFrame, code: str | None = None) -> str:
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
        found = [c for c in named if areas[c].is_unique]
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
            "give each area one row, its pieces joined in a multipolygon (areas.dissolve)"
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
        raise GraphError("; ".join(problems) + "; repair the boundaries (areas.make_valid()) or take a clean edition")


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


def _is_text(column: pd.Series) -> bool:
    return bool(pd.api.types.is_string_dtype(column.dtype)) or column.dtype == "category"
