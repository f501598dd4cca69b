"""Write the reference of gctr's public modules, out of their docstrings, to a folder: `make api`.

Every module without a leading underscore gets a page. Whatever pdoc warns of is an error.
"""

import sys
import warnings
from pathlib import Path

import pdoc
from pdoc.extract import walk_specs

ROOT = Path(__file__).resolve().parent.parent
PRIVATE = r"!gctr\.(.*\.)?_"


def public_modules() -> list[str]:
    """Return the dotted names of all modules that users may import."""
    paths = (path.relative_to(ROOT).with_suffix("") for path in sorted((ROOT / "gctr").rglob("*.py")))
    names = (".".join(path.parts).removesuffix(".__init__") for path in paths)
    return [name for name in names if "._" not in name]


def specifications() -> list[str]:
    """Return what pdoc must be told: it passes over the modules of a package whose `__all__` does not name them."""
    told = ["gctr", PRIVATE]
    for name in public_modules():
        if name not in walk_specs(told):
            told += [name, PRIVATE]
    return told


def build(target: Path) -> None:
    """Write index.html and a page a module below `target`."""
    pdoc.render.configure(docformat="numpy", footer_text="gctr", logo=None)
    with warnings.catch_warnings(action="error"):
        # Classes of libraries that ours inherit from: their annotations are not ours to mend.
        warnings.filterwarnings("ignore", r"Error parsing type annotation .* for (?!gctr\.)")
        pdoc.pdoc(*specifications(), output_directory=target)


if __name__ == "__main__":
    build(Path(sys.argv[1]))
