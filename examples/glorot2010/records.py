"""Measurements that take long, kept as JSON."""

import json

from examples.glorot2010.curves import machine, versions
from examples.glorot2010.protocol import DATA
from minnet.common.atomic import write_atomically

__all__ = ["RECORDS", "keep", "kept"]

RECORDS = DATA / "records"


def kept(path):
    """Return the measurements in a file; empty without one."""
    return json.loads(path.read_text())["points"] if path.exists() else []


def keep(path, points):
    """Write measurements, each a dictionary, a line for each."""
    head = {"versions": versions(), "machine": machine()}
    lines = [f'"{key}": {json.dumps(value)}' for key, value in head.items()]
    rows = ",\n ".join(json.dumps(point) for point in points)
    path.parent.mkdir(parents=True, exist_ok=True)
    with write_atomically(path) as file:
        file.write(("{\n" + ",\n".join([*lines, f'"points": [\n {rows}\n]']) + "\n}\n").encode())
