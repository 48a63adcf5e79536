"""Write the pages of the library into build/docs: each public name, and the guides of docs/.

    python tools/docs.py [FOLDER]

What pdoc warns of is an error: a type that it cannot find, a reference to nothing.
"""

from __future__ import annotations

import re
import shutil
import sys
import tempfile
import warnings
from pathlib import Path
from typing import Generic, TypeVar

import numpy.typing

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # this checkout, whatever is installed

import facepipe  # noqa: E402

_T = TypeVar("_T")

# From one guide to another.
_LINK = re.compile(r"\]\(([a-z]+)\.md")


def main() -> None:
    """Write everything."""
    _short_types()
    import pdoc

    out = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "build" / "docs"
    shutil.rmtree(out, ignore_errors=True)
    warnings.simplefilter("error")
    # Of a NamedTuple's own constructor nobody can tell where its types are from.
    warnings.filterwarnings("ignore", r".* facepipe\.(\w+\.)?ParsedLabels\.__init__")
    modules = [f"facepipe.{home}" for home in sorted(set(facepipe._HOME.values()))]
    pdoc.render.configure(docformat="google", show_source=False)
    with tempfile.TemporaryDirectory() as folder:
        sys.path.insert(0, folder)
        _guides(Path(folder) / "guide")
        pdoc.pdoc("facepipe", *modules, "guide", output_directory=out)
    shutil.copytree(ROOT / "docs" / "images", out / "guide" / "images")
    pages = [page.read_text("utf-8") for page in (out / "facepipe").glob("*.html")]
    absent = [name for name in facepipe._HOME if not any(f'id="{name}"' in page for page in pages)]
    if absent:
        sys.exit(f"no page has {', '.join(absent)}")
    print(f"{len(facepipe.__all__)} names, {len(modules)} modules: {out / 'index.html'}")


def _short_types() -> None:
    """Keep the names of NumPy's types, which pdoc would write out as what they stand for."""

    class ArrayLike:
        pass

    class NDArray(Generic[_T]):
        pass

    for kind in (ArrayLike, NDArray):
        kind.__module__, kind.__qualname__ = "numpy.typing", kind.__name__
        setattr(numpy.typing, kind.__name__, kind)


def _guides(package: Path) -> None:
    """Write docs/*.md as the docstrings of modules, so that pdoc makes pages of them."""
    package.mkdir()
    (package / "__init__.py").write_text('"""The guides."""', "utf-8")
    for page in (ROOT / "docs").glob("*.md"):
        text = _LINK.sub(r"](\1.html", page.read_text("utf-8"))
        (package / f"{page.stem}.py").write_text(f"__doc__ = {text!r}\n", "utf-8")


if __name__ == "__main__":
    main()
