"""Print the lowest versions that pyproject.toml allows, as constraints for ``pip install -c``."""

import re
import tomllib
from pathlib import Path

project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())["project"]
lowest: dict[str, str] = {}
for requirement in sum(project["optional-dependencies"].values(), project["dependencies"]):
    if requirement.startswith(f"{project['name']}["):  # its own extras
        continue
    bound = re.fullmatch(r"([\w-]+)>=([\d.]+)(,<[\d.]+)?", requirement)
    if bound is None or lowest.setdefault(bound[1], bound[2]) != bound[2]:
        raise SystemExit(f"pyproject.toml must have one lower bound a package, got {requirement!r}")
print(*(f"{name}=={version}" for name, version in sorted(lowest.items())), sep="\n")
