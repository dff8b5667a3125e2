"""The figure language: colours, sizes, words on axes, and one value that holds a finished figure."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING, Final, Literal

from bayesineq.dims import MoreIs as MoreIs
from bayesineq.errors import BayesineqError
from bayesineq.replacing import write_together

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK: Final = "#212b32"
QUIET: Final = "#4c6272"
GRID: Final = "#d8dde0"
ACCENT: Final = "#005eb8"
CONTRAST: Final = "#b5480a"
PICKED: Final = "#c9147c"
"""What a reader has picked out: a hue that no palette holds."""

PAPER: Final = "#ffffff"
MISSING: Final = "#f0f4f5"

SEQUENTIAL: Final = ("#fdf3c8", "#a9d9a4", "#48a9a6", "#1f6f9c", "#1c2f6b")
"""Low to high: lightness falls evenly, so the order survives colour blindness and a grey printer."""

WIDTHS: Final = ("#f4f1f8", "#cfc3e0", "#a58fc4", "#77579f", "#472a6f")
"""Narrow to wide intervals: a hue of its own, so that uncertainty is never taken for the outcome."""

EXCEEDANCE: Final = ("#1f5a94", "#9cc4e4", "#ececec", "#f3b27a", "#b5480a")
"""Better to worse than the average: blue and orange with grey between; nobody confuses the two ends."""

EXCEEDANCE_INK: Final = ("#1f5a94", "#5b93c0", "#8a959c", "#d9812f", "#b5480a")
"""The same for lines and dots on white, where pale colours would vanish."""

EXCEEDANCE_EDGES: Final = (0.0, 0.05, 0.20, 0.80, 0.95, 1.0)

EXCEEDANCE_WORDS: Final = (
    "below (0 to 5%)",
    "rather below (5 to 20%)",
    "not clear (20 to 80%)",
    "rather above (80 to 95%)",
    "above (95 to 100%)",
)
"""What each class of the probability of being above a threshold says."""


def by_polarity(palette: tuple[str, ...], more_is: MoreIs) -> tuple[str, ...]:
    """A palette from better to worse as one from low to high: orange is worse, whichever way an outcome counts."""
    return palette if more_is == "worse" else palette[::-1]


DEPRIVED: Final = (
    "#7a2e06",
    "#b5480a",
    "#d06a1f",
    "#d98f4e",
    "#b59a80",
    "#8f9aa6",
    "#7fa8cc",
    "#5b93c0",
    "#2f6ba6",
    "#123f70",
)
"""Most deprived to least, in ten steps from orange to blue, as worse to better everywhere else."""

WIDTH: Final = 4.7
"""Inches of a figure: on a telephone, 338 points across, its letters are as many pixels high as they have points."""

DPI: Final = 150
_FONT: Final = "DejaVu Sans"
_LETTERS: Final = 13.0
"""Letters of a headline on an inch."""
_AXIS: Final = 52


@dataclass(frozen=True, slots=True)
class Chart:
    """
    A finished figure with what makes it readable without eyes and checkable without a ruler.

    Parameters
    ----------
    figure : Figure
        The drawing; it belongs to no window.
    title : str
        What is shown.
    caption : str
        How to read it: direction, number of people, share unknown, interval.
    alt : str
        The figure in words, for screen readers.
    table : DataFrame
        The numbers that were drawn.
    """

    figure: Figure
    title: str
    caption: str
    alt: str
    table: pd.DataFrame

    def _repr_png_(self) -> bytes:
        return to_png(self)


def new_figure(width: float = WIDTH, height: float = 3.4) -> Figure:
    """Make an empty figure that no window owns."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained", facecolor=PAPER)
    FigureCanvasAgg(figure)
    return figure


def dress(axes: Axes, *, x: str = "", y: str = "", grid: Literal["x", "y", "none"] = "y") -> None:
    """Give axes the common look."""
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(QUIET)
    axes.tick_params(colors=INK, labelsize=9, length=3)
    axes.set_xlabel(plain(fill(x, _AXIS)), color=INK, fontsize=9, fontfamily=_FONT)
    axes.set_ylabel(plain(fill(y, _AXIS // 2)), color=INK, fontsize=9, fontfamily=_FONT)
    if grid != "none":
        axes.grid(axis=grid, color=GRID, linewidth=0.8)
    axes.set_axisbelow(True)


def headline(figure: Figure, title: str) -> None:
    """Put a title over the whole figure, so that long names of groups take no room from it."""
    lines = fill(title, round(_LETTERS * figure.get_figwidth()))
    figure.suptitle(plain(lines), x=0.01, ha="left", fontsize=10, color=INK)


def legend_below(figure: Figure, handles: Sequence[Artist], labels: Sequence[str], *, title: str = "") -> None:
    """Put a legend under everything, in as many columns as its words leave room for."""
    wanted = max((len(label) for label in labels), default=1) + 5
    columns = max(1, min(len(labels), int(16.5 * figure.get_figwidth() / wanted)))
    box = figure.legend(
        handles=list(handles),
        labels=[plain(label) for label in labels],
        title=title or None,
        loc="outside lower left",
        ncols=columns,
        frameon=False,
        fontsize=9,
        title_fontsize=9,
        labelcolor=INK,
        alignment="left",
        borderpad=0.0,
        handlelength=1.6,
        columnspacing=1.2,
    )
    box.get_title().set_color(INK)


def plain(text: str) -> str:
    """Make text safe to draw: a dollar sign in a name is a dollar sign, not mathematics."""
    return text.replace("$", r"\$")


def direction(more_is: MoreIs) -> str:
    """Say which way is good."""
    words = {"worse": "lower is better", "better": "higher is better"}
    if more_is not in words:
        raise BayesineqError(f"more_is={more_is!r} is not known; say 'worse' or 'better'")
    return words[more_is]


def readable_on(colour: str) -> str:
    """
    Colour of text that is readable on a background.

    Returns: white or ink, whichever contrasts more; both reach 4.5 to 1 on the palettes of this module.
    """
    return max((PAPER, INK), key=lambda text: contrast(text, colour))


def contrast(first: str, second: str) -> float:
    """
    Contrast of two colours.

    Returns: from 1 (none) to 21 (black on white): (L1 + 0.05) / (L2 + 0.05) of relative luminances.

    References
    ----------
    W3C, Web Content Accessibility Guidelines 2.2, "contrast ratio" and "relative luminance".

    Examples
    --------
    >>> round(contrast("#000000", "#ffffff"), 1)
    21.0
    """
    light, dark = sorted((_luminance(first), _luminance(second)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: str) -> float:
    from matplotlib.colors import to_rgb

    parts = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(colour)]
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]


def to_png(chart: Chart, *, dpi: int = DPI) -> bytes:
    """Write a chart as PNG."""
    buffer = io.BytesIO()
    _settle(chart.figure)
    chart.figure.savefig(buffer, format="png", dpi=dpi, metadata={"Software": None, "Title": chart.title})
    return buffer.getvalue()


def to_svg(chart: Chart) -> bytes:
    """
    Write a chart as SVG: letters as outlines, so that it looks alike everywhere, and no address inside but
    those of the XML namespaces.
    """
    import matplotlib as mpl

    buffer = io.BytesIO()
    _settle(chart.figure)
    nothing = {"Date": None, "Creator": None, "Format": None, "Type": None}
    with mpl.rc_context({"svg.hashsalt": "bayesineq", "svg.fonttype": "path"}):
        chart.figure.savefig(buffer, format="svg", metadata=nothing)
    return buffer.getvalue()


def save_chart(chart: Chart, path: str | Path) -> Path:
    """
    Write a chart to a file, whole or not at all.

    Parameters
    ----------
    chart : Chart
        What to write.
    path : str or Path
        File that ends in .svg or .png.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    BayesineqError
        If the ending is another one, or the folder cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> from bayesineq import example, expected
    >>> from bayesineq.plots import plot_forest
    >>> chart = plot_forest(expected(example().post, by="ethnicity"), "ethnicity")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_chart(chart, Path(folder) / "ethnicity.svg").name
    'ethnicity.svg'
    """
    target = Path(path)
    writers = {".svg": to_svg, ".png": to_png}
    if target.suffix.lower() not in writers:
        raise BayesineqError(f"{target.name}: charts are written as .svg or .png; choose one of these endings")
    content = writers[target.suffix.lower()](chart)
    write_together({target: content})
    return target


def _settle(figure: Figure) -> None:
    """Lay the figure out once and for all: a second pass would move things by a hair, and files would differ."""
    if figure.get_layout_engine() is not None:
        figure.draw_without_rendering()
        figure.set_layout_engine("none")
