"""Model files that are broken by accident or on purpose, for the tests and for fuzz.py."""

import copy
import json
import math
import struct

from minnet.persistence.container import MAX_HEADER

HUGE = (2**31, 2**32, 2**40, 2**62, 2**63 - 1, 2**63, 2**64, 10**30)

VALUES = (
    None,
    True,
    False,
    0,
    -1,
    1,
    3,
    0.5,
    -0.0,
    1e308,
    *HUGE,
    *(-n for n in HUGE),
    "",
    "a",
    [],
    {},
    [[]],
    "../../../../etc/passwd",
    "/dev/zero",
    "C:\\con",
    "__class__",
    "__init__",
    "os.system",
    "\0",
    "x" * 999,
    "builtins.eval",
    "nan",
    "auto",
    "relu",
    "adam",
    "Tanh",
    "numba",
    "log_loss",
    "softmax",
    [1, 2],
    [10**9],
    [0, 0],
    [0] * 50,
    {"float": "nan"},
    {"float": "inf"},
    {"tuple": []},
    {"tuple": [10**9, 10**9]},
    {"dict": []},
    {"dict": [[{"float": "nan"}, 1]]},
    {"dict": [[[1], 2]]},
    {"scalar": "int8", "value": 300},
    {"scalar": "float16", "value": 1e99},
    {"scalar": "object", "value": 1},
    {"array": "layers.0.W"},
    {"array": "loss_curve"},
    {"array": "layers.0.b", "of": "str"},
    {"array": "../x", "of": "object"},
    {"objects": [1, 2, 3], "shape": [3]},
    {"objects": [], "shape": [0, 10**9]},
    {"class": "activation", "name": "tanh"},
    {"class": "initializer", "name": "FromFunction"},
    {"activation": "tanh", "config": {}},
    {"activation": "__init__", "config": {}},
    {"activation": "elu", "config": {"alpha": {"float": "nan"}}},
    {"registered_activation": "nothing"},
    {"registered_activation": "tanh"},
    {"initializer": "glorot_uniform", "config": {"gain": "x"}},
    {
        "initializer": "FromFunction",
        "config": {"function": {"class": "activation", "name": "tanh"}},
    },
    {"initializer": "FromArray", "config": {"array": [[1.0], [2.0, 3.0]]}},
    {"initializer": "orthogonal", "config": {}},
    {"schedule": "Constant", "config": {}},
    {"schedule": "FunctionOfStep", "config": {"function": {"activation": "tanh", "config": {}}}},
    {"schedule": "InvScaling", "config": {"power_t": "x"}},
    {"optimizer": "SGD", "config": {"momentum": 2}},
    {"optimizer": "Adam", "config": {}},
    {"loss": "poisson", "config": {}},
    {"loss": "squared_error", "config": {"output": "exp"}},
    {"loss": "quantile", "config": {"quantile": 2.0}},
    {"loss": "huber", "config": {"delta": "1"}},
    {"layer": "Dense", "config": {"units": 10**12}},
    {"layer": "BatchNorm", "config": {}},
    {"layer": "LayerNorm", "config": {"epsilon": 0}},
    {"layer": "Dropout", "config": {"rate": 1}},
    {"layer": "PiecewiseLinear", "config": {}},
    {"layer": "PiecewiseLinear", "config": {"columns": [10**12]}},
    {"layer": "PiecewiseLinear", "config": {"columns": [[1.0, 0.0], None]}},
    {"layer": "PiecewiseLinear", "config": {"columns": [{"array": "layers.0.b"}]}},
    {"random_state": "layers.0.W", "position": 0, "gauss": None},
)


def parts(raw):
    """Return the header, the description in it and the data of a model file."""
    (length,) = struct.unpack("<Q", raw[:8])
    header = json.loads(raw[8 : 8 + length])
    return header, json.loads(header["__metadata__"]["minnet"]), raw[8 + length :]


def build(header, record=None, data=b""):
    """Return a model file of these; a record takes the place of the one in the header."""
    if record is not None:
        text = record if isinstance(record, str) else json.dumps(record)
        header = header | {"__metadata__": {"minnet": text}}
    written = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(written)) + written + data


DELETE = object()


def changed(raw, path, value):
    """Return a file with another value in its description."""
    header, record, data = parts(raw)
    inside = record
    for key in path[:-1]:
        inside = inside[key]
    if value is DELETE:
        del inside[path[-1]]
    else:
        inside[path[-1]] = value
    return build(header, record, data)


def bulk(raw):
    """Return files as long as a header may be, by what they are full of; the file given is fitted."""
    room = MAX_HEADER - 100

    def header(item):
        return build(b'{"a":[' + b",".join([item] * (room // (len(item) + 1))) + b"]}")

    entry = b'"%x":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}'
    entries = b",".join(entry % i for i in range(17_000))
    keys = b",".join([b'"%x":0' % i for i in range(120_000)] + [b'"1d4bf":0'])
    files = {
        "lists": header(b"[]"),
        "objects": header(b"{}"),
        "numbers": header(b"0"),
        "arrays": build(b'{"__metadata__":{"minnet":"{}"},' + entries + b"}"),
        "keys twice": build(b"{" + keys + b"}"),
    }
    values = {
        "names": ["he"] * 70_000,
        "values": [0] * 110_000,
        "lists of values": [[]] * 60_000,
        "tuples": [{"tuple": []}] * 40_000,
        "objects of minnet": [{"activation": "tanh", "config": {}}] * 30_000,
        "a text": "he" * 700_000,
        "pairs": {"dict": [[i, 0] for i in range(40_000)]},
    }
    for name, value in values.items():
        files[name] = changed(raw, ("model", "params", "init"), value)
    layers = [{"layer": "Dropout", "config": {}}] * 30_000
    files["layers"] = changed(raw, ("model", "fitted", "network", "layers"), layers)
    return files


def places(value):
    """Return all (container, key) of a JSON value."""
    found, waiting = [], [value]
    while waiting:
        inside = waiting.pop()
        if isinstance(inside, dict | list):
            keys = list(inside) if isinstance(inside, dict) else range(len(inside))
            found += [(inside, key) for key in keys]
            waiting += [inside[key] for key in keys]
    return found


def nested(depth, opening="[", closing="]"):
    return opening * depth + closing * depth


# ---- mutations: each takes the bytes of a file and a random.Random


def flip_bits(raw, random):
    changed = bytearray(raw)
    (length,) = struct.unpack("<Q", raw[:8])
    for _ in range(random.randint(1, 8)):
        # Half of them in the header, which is small where the model is not.
        end = 8 + length if random.random() < 0.5 else len(raw)
        changed[random.randrange(end)] ^= 1 << random.randrange(8)
    return bytes(changed)


def cut(raw, random):
    return raw[: random.randrange(len(raw))]


def grow(raw, random):
    at = random.choice([random.randrange(len(raw)), len(raw)])
    return raw[:at] + random.randbytes(random.choice([1, 8, 1000])) + raw[at:]


def remove_bytes(raw, random):
    at = random.randrange(len(raw))
    return raw[:at] + raw[at + random.randint(1, 64) :]


def overwrite(raw, random):
    at = random.randrange(len(raw))
    put = random.choice([random.randbytes(random.randint(1, 64)), b"\0" * 64, b"\xff" * 64])
    return raw[:at] + put + raw[at + len(put) :]


def header_length(raw, random):
    (length,) = struct.unpack("<Q", raw[:8])
    near = [length + n for n in (-8, -1, 1, 8)]
    n = random.choice([0, 1, 2, len(raw), len(raw) - 8, 4 * 2**20, *near, *HUGE[:-2], 2**64 - 1])
    return struct.pack("<Q", n) + raw[8:]


def noise(raw, random):
    return random.randbytes(random.randint(0, 4096))


def wrong_number(raw, random):
    """Put a number that weights, curves or counts cannot be into an array."""
    header, _, data = parts(raw)
    entries = [entry for name, entry in header.items() if name != "__metadata__"]
    entry = random.choice(entries or [{"dtype": "F64", "data_offsets": [0, 0]}])
    code = {"F64": "d", "F32": "f", "I64": "q"}.get(entry["dtype"], "B")
    size, (start, end) = struct.calcsize(code), entry["data_offsets"]
    if start == end:
        return raw
    values = [math.nan, math.inf, -math.inf, -1.0, 1e38] if code in "df" else [0, 1, 255]
    at = start + size * random.randrange((end - start) // size)
    number = struct.pack(f"<{code}", random.choice(values))
    return build(header, None, data[:at] + number + data[at + size :])


def _in_record(change):
    def mutate(raw, random):
        header, record, data = parts(raw)
        for _ in range(random.choice([1, 1, 1, 2, 5])):
            change(record, random)
        return build(header, record, data)

    return mutate


def _in_header(change):
    def mutate(raw, random):
        header, _, data = parts(raw)
        change(header, random)
        return build(header, None, data)

    return mutate


def _replace(value, random):
    inside, key = random.choice(places(value))
    inside[key] = copy.deepcopy(random.choice(VALUES))


def _nudge(value, random):
    numbers = [
        (inside, key)
        for inside, key in places(value)
        if type(inside[key]) in (int, float)
    ]  # fmt: skip
    if numbers:
        inside, key = random.choice(numbers)
        inside[key] = random.choice(
            [inside[key] + 1, inside[key] - 1, -inside[key], inside[key] * 1000]
        )


def _remove(value, random):
    inside, key = random.choice(places(value) or [([0], 0)])
    del inside[key]


def _add(value, random):
    inside, _ = random.choice(places(value) or [([], 0)])
    if isinstance(inside, dict):
        inside[random.choice(["extra", "__class__", "config", "of", "format"])] = random.choice(
            VALUES
        )
    else:
        inside.append(copy.deepcopy(random.choice(VALUES)))


def _swap(value, random):
    (a, i), (b, j) = random.choice(places(value)), random.choice(places(value))
    a[i], b[j] = copy.deepcopy(b[j]), copy.deepcopy(a[i])  # one may lie in the other


def _nest(value, random):
    inside, key = random.choice(places(value))
    for _ in range(random.choice([3, 20, 60])):
        inside[key] = random.choice([[inside[key]], {"tuple": [inside[key]]}])


def _swap_arrays(header, random):
    names = [name for name in header if name != "__metadata__"]
    if names:
        a, b = random.choice(names), random.choice(names)
        header[a], header[b] = header[b], header[a]


def _reshape(header, random):
    names = [name for name in header if name != "__metadata__"]
    if names:
        entry = header[random.choice(names)]
        size = random.choice([0, 1, -1, *HUGE])
        entry["shape"] = random.choice(
            [[size], [size, 0], [1, *entry["shape"]], entry["shape"][::-1]]
        )
        if random.random() < 0.5:
            entry["data_offsets"][1] = entry["data_offsets"][0] + 8 * size


def _retype(header, random):
    names = [name for name in header if name != "__metadata__"]
    if names:
        header[random.choice(names)]["dtype"] = random.choice(
            ["F64", "F32", "F16", "BF16", "I64", "U64", "U8", "BOOL", "O", "|O", "F8_E5M2", ""]
        )


def _rename(header, random):
    names = [name for name in header if name != "__metadata__"]
    if names:
        new = random.choice(
            ["../../evil", "/etc/passwd", "", "layers.0.W", "__metadata__", "\0", "x" * 5000]
        )
        header[new] = header.pop(random.choice(names))


MUTATIONS = {
    "flip bits": flip_bits,
    "cut": cut,
    "grow": grow,
    "remove bytes": remove_bytes,
    "overwrite": overwrite,
    "header length": header_length,
    "noise": noise,
    "wrong number": wrong_number,
    "description: replace": _in_record(_replace),
    "description: nudge": _in_record(_nudge),
    "description: remove": _in_record(_remove),
    "description: add": _in_record(_add),
    "description: swap": _in_record(_swap),
    "description: nest": _in_record(_nest),
    "header: replace": _in_header(_replace),
    "header: remove": _in_header(_remove),
    "header: add": _in_header(_add),
    "header: swap arrays": _in_header(_swap_arrays),
    "header: shapes": _in_header(_reshape),
    "header: dtypes": _in_header(_retype),
    "header: names": _in_header(_rename),
}
