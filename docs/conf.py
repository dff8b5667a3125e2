"""How Sphinx builds the site; `make docs` and `docs/build.py` call it."""

from __future__ import annotations

import re
from importlib.metadata import version as version_of
from typing import Any

from docutils.nodes import SkipNode
from docutils.utils.math.latex2mathml import tex2mathml

project = "bayesineq"
author = "The bayesineq maintainers"
copyright = "the bayesineq maintainers; MIT licence"
version = release = version_of("bayesineq")
extensions = ["sphinx.ext.autodoc", "numpydoc", "myst_parser"]
templates_path: list[str] = []
exclude_patterns: list[str] = []
html_theme = "furo"
html_title = f"bayesineq {version}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_theme_options = {
    "light_css_variables": {"color-brand-primary": "#005eb8", "color-brand-content": "#005eb8"},
    "top_of_page_buttons": [],
}
html_copy_source = True
html_show_sphinx = False
html_math_renderer = "mathml"
myst_heading_anchors = 3
myst_enable_extensions = ["deflist"]
autodoc_typehints = "none"
autodoc_member_order = "bysource"
numpydoc_show_class_members = False
numpydoc_class_members_toctree = False
numpydoc_xref_param_type = False
python_use_unqualified_type_names = True
suppress_warnings: list[str] = []


def _escaped(text: str) -> str:
    """Text of ours for reStructuredText: one backtick is code, stars and bars are themselves."""
    parts = re.split(r"(``[^`]+``|:[\w:]+:`[^`]+`|`[^`]+`_?)", text)
    for k, part in enumerate(parts):
        if k % 2 == 0:
            parts[k] = re.sub(r"(?<![\\\w*])(\*(?=\w)|\|(?=\S))", r"\\\1", part)
        elif part.startswith("`") and not part.startswith("``") and not part.endswith("_"):
            parts[k] = f"`{part}`"
    return "".join(parts)


def _ours(app: object, what: str, name: str, value: object, options: object, lines: list[str]) -> None:
    """Write the prose of a documentation for reStructuredText; examples stay as they are."""
    text, rubric, examples = "\n".join(lines).partition(".. rubric:: Examples")
    lines[:] = (_escaped(text) + rubric + examples).split("\n")


def _skip(app: object, what: str, name: str, value: object, skip: bool, options: object) -> bool | None:
    """Leave out what a class inherits from another package."""
    module = getattr(value, "__module__", None)
    return True if isinstance(module, str) and not module.startswith("bayesineq") else None


def _mathml(translator: Any, node: Any) -> None:
    """Formulas as MathML, which browsers draw themselves: no script is loaded."""
    block = node.tagname == "math_block"
    translator.body.append(tex2mathml(node.astext(), as_block=block))
    raise SkipNode


def setup(app: Any) -> None:
    """Join what is ours to Sphinx."""
    app.connect("autodoc-process-docstring", _ours, priority=900)
    app.connect("autodoc-skip-member", _skip)
    app.add_html_math_renderer("mathml", (_mathml, None), (_mathml, None))
