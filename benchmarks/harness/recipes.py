"""The README's recipes for job runners, read out of it: what is tried out is what it says."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType, ModuleType
from typing import Any

__all__ = ["ROOT", "recipe", "recipes"]

ROOT = Path(__file__).parents[2]
"""The folder with the README."""
_RECIPE = re.compile(r"<summary>([^<]+)</summary>\n\n```py\n(.*?)^```", re.DOTALL | re.MULTILINE)


def recipes() -> Mapping[str, str]:
    """Return the code of each recipe, by its title."""
    return MappingProxyType(dict(_RECIPE.findall((ROOT / "README.md").read_text())))


def recipe(name: str) -> Any:
    """Run a recipe as a module in the present folder, and return what it defines."""
    (code,) = (code for title, code in recipes().items() if title.startswith(name))
    module = ModuleType(f"jobs_of_{name.lower()}")
    # Some of them look themselves up there.
    sys.modules[module.__name__] = module
    exec(compile(code, f"<{name}>", "exec", dont_inherit=True), vars(module))  # noqa: S102 - our README
    return module
