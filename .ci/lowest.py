"""Print the lowest versions that pyproject.toml allows, as constraints for pip: each ``>=`` as ``==``.

python .ci/lowest.py > lowest.txt && pip install -c lowest.txt '.[test,plot]'
"""

import re
import tomllib
from pathlib import Path

project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())["project"]
requirements = set(project["dependencies"]).union(*project["optional-dependencies"].values())
for requirement in sorted(requirements):
    bounds = re.fullmatch(r"([\w-]+)>=([\d.]+)(,<[\d.]+)?", requirement)
    if bounds:
        print(f"{bounds[1]}=={bounds[2]}")
    elif not requirement.startswith(f"{project['name']}["):
        raise SystemExit(f"pyproject.toml must have a lower bound for each, got {requirement}")
