"""A plugin of pytest: kernels of another CPU, C library or word size, in place of the extension's.

``MINNET_EMULATED`` is the command that runs what ``build.py`` has built, by an emulator where need be,
``MINNET_CPU`` names the level of its kernels; `make aarch64`, `make musl`, `make i686` and `make asan` set
both. Random draws, training steps and predictions then go to that program, each call as an image of the
memory that it reads and writes, so that the tests that compare the extension with NumPy compare these
kernels with it.
"""

import atexit
import ctypes
import functools
import os
import shlex
import struct
import subprocess
import sys
import types

import numpy as np

import minnet.backends.cython
import minnet.random.streams
import minnet_ext
from minnet.backends import formulas

LEVEL = os.environ.get("MINNET_CPU") or "scalar"
COMMAND = shlex.split(os.environ["MINNET_EMULATED"])

_UNKNOWN, _TO_BE_SUMMED = -2, -3  # of serve.c
_HEADER = struct.Struct("<16s16s12q")  # minnet_call of serve.c


class Layout:
    """C's structs as the program has them: how wide a pointer is, and where a 64-bit number may lie."""

    def __init__(self, pointer, alignment):
        self.types = {
            "int64_t": ctypes.c_int64,
            "uint64_t": ctypes.c_uint64,
            "double": ctypes.c_double,
        }
        self.pointer = {4: ctypes.c_uint32, 8: ctypes.c_uint64}[pointer]
        self.alignment = alignment

    def structure(self, name):
        """Return a struct as a type of ctypes, of which a pointer is an offset."""
        given = [
            (field, kind) for kind, names, _ in formulas.STRUCTS[name] for field in names.split()
        ]
        members = {
            "_pack_": self.alignment,
            "_fields_": [(field, self.types.get(kind, self.pointer)) for field, kind in given],
            "pointers": [field for field, kind in given if kind.endswith("*")],
        }
        return type(name, (ctypes.Structure,), members)


class Draw(ctypes.Structure):
    _fields_ = (
        ("key", ctypes.c_uint32 * 2),
        ("stream", ctypes.c_uint32 * 2),
        ("p", ctypes.c_double * 8),
    )
    pointers = ()


class Image:
    """The memory of a call: arrays with their alignment, at offsets from 64 on, and gaps between them."""

    def __init__(self):
        self.size, self.parts, self.places, self.alive = 64, [], [], []

    def put(self, array, out=False):
        """Return the offset of an array, 0 for None; after the call, the array is as it was left there."""
        if array is None:
            return 0
        low, high = np.lib.array_utils.byte_bounds(array)
        begin = -(-self.size // 64) * 64 + 64 + low % 64
        self.size = begin + high - low
        self.parts.append((begin, low, high - low, out))
        self.alive.append(array)
        return begin + array.__array_interface__["data"][0] - low

    def put_struct(self, given, out=False):
        begin = self.put(np.frombuffer(given, np.uint8), out)
        self.places += [
            begin + getattr(type(given), name).offset
            for name in given.pointers
            if getattr(given, name)
        ]
        return begin


class Server:
    """The emulated program."""

    def __init__(self):
        self.process = subprocess.Popen(COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        atexit.register(self.process.kill)

    def call(self, function, image, arguments, sum_up):
        """Call a kernel and return what it returns; numbers and offsets are its arguments."""
        memory = bytearray(-(-image.size // 64) * 64)
        for begin, low, size, _ in image.parts:
            memory[begin : begin + size] = ctypes.string_at(low, size)
        numbers = [*arguments, *(0,) * (8 - len(arguments))]
        names = LEVEL.encode(), function.encode()
        sizes = len(memory), len(image.places), len(image.parts)
        header = _HEADER.pack(*names, *sizes, *numbers, 0)
        arrays = [number for begin, _, size, _ in image.parts for number in (begin, size)]
        places = np.array([*image.places, *arrays], np.int64).tobytes()
        self.process.stdin.write(header + places + memory)
        self.process.stdin.flush()
        while (header := self.answer())[-1] == _TO_BE_SUMMED:
            self.process.stdin.write(sum_up(*header[5:8], self.process.stdout))
            self.process.stdin.flush()
        result = header[-1]
        assert result != _UNKNOWN, f"{COMMAND} has no {function} of the level {LEVEL}"
        memory = self.process.stdout.read(len(memory))
        for begin, low, size, out in image.parts:
            if out:
                ctypes.memmove(low, memory[begin : begin + size], size)
        return result

    def answer(self):
        header = self.process.stdout.read(_HEADER.size)
        assert len(header) == _HEADER.size, f"{COMMAND} ended, {self.process.wait()}"
        return _HEADER.unpack(header)


class Servers:
    """As many emulated programs as there are calls at the same time: one may wait for another."""

    def __init__(self):
        self.idle, self.n_calls = [], 0

    def call(self, function, image, *arguments, sum_up=None):
        server = self.idle.pop() if self.idle else Server()
        result = server.call(function, image, arguments, sum_up)
        self.idle.append(server)
        self.n_calls += 1
        return result


_server = Servers()
_LAYOUT = Layout(*(_server.call(asked, Image()) for asked in ("pointer", "alignment")))
Network, Data, Share, Hyper, Outputs = map(
    _LAYOUT.structure,
    ("minnet_network", "minnet_data", "minnet_share", "minnet_hyper", "minnet_outputs"),
)
_BITS = {4: "f32", 8: "f64"}


# ---- in place of minnet_ext._random


#: Laws, and how many parameters each has.
_LAWS = {"words": 0, "uniform": 4, "normal": 2, "truncated": 7}


def _fill(law, key, index, code, start, out, *given, n_threads=None):
    if out.size == 0:
        return
    draw = Draw((key & 0xFFFFFFFF, key >> 32), (index, code), given[: _LAWS[law]])
    function = law if law == "words" else f"{law}_{_BITS[out.itemsize]}"
    image = Image()
    _server.call(function, image, image.put_struct(draw), start, out.size, image.put(out, out=True))


# ---- in place of minnet_ext._train


class Program:
    def __init__(self, layers, n_params, n_state, itemsize, key, columns=None, pieces=None):
        self.layers, self.key, self.bits = layers.copy(), key, _BITS[itemsize]
        self.columns = {} if columns is None else {"columns": columns, "pieces": pieces}
        self.ended = False

    def network(self, image, params, state, loss=(0, 0.0), alpha=0.0):
        for name, array in self.columns.items():
            self.layers[name][0] = image.put(array) if array.size else 0
        layers = image.put(self.layers)
        offsets = self.layers.dtype.fields
        image.places += [layers + offsets[name][1] for name in self.columns if self.layers[name][0]]
        return Network(
            layers=layers,
            n_layers=len(self.layers),
            loss=loss[0],
            loss_parameter=loss[1],
            alpha=alpha,
            params=image.put(params, out=True),
            state=image.put(state, out=True),
        )

    def train_steps(
        self, loss, alpha, params, state, X, T, weights, order, start, stop, hyper, optimizer,
        n_threads, losses, lazy=None, gradient=None,
    ):  # fmt: skip
        image = Image()
        network = self.network(image, params, state, loss, alpha)
        data = Data(weight_sum=hyper.weight_sum, weights=image.put(weights), order=image.put(order))
        _point_to(image, data, X)
        if isinstance(T, tuple):
            data.t_indptr, data.t_indices, data.T = map(image.put, T)
            data.t_wide_indices = T[1].itemsize == 8
        elif T.ndim == 1:
            data.classes = image.put(T)
        else:
            data.T = image.put(T)
            data.t_row_stride, data.t_column_stride = T.strides
        moments = {
            name: image.put(hyper.optimizer.state[optimizer[name]], out=True)
            for name in ("V", "M")
            if optimizer[name] >= 0
        }
        h = Hyper(
            batch_size=min(hyper.batch_size, data.n_samples),
            start=start,
            stop=stop,
            rates=image.put(hyper.rates),
            optimizer=optimizer["kind"],
            nesterov=int(optimizer["nesterov"]),
            **{name: optimizer[name] for name in ("momentum", "beta_1", "beta_2", "epsilon")},
            steps_made=optimizer["step"],
            weight_decay=hyper.decay,
            clip_value=np.inf if hyper.clip_value is None else hyper.clip_value,
            clip_norm=np.inf if hyper.clip_norm is None else hyper.clip_norm,
            **moments,
            position=hyper.position,
            key=self.key,
            n_threads=n_threads,
            lazy=image.put(lazy, out=True),
            losses=image.put(losses[start:], out=True),
            gradient=image.put(gradient, out=True),
        )
        share, sums = Share(), None
        if hyper.share is not None:
            share, sums = self.share(image, hyper, weights is not None, params)
            h.batch_size = max(1, int(np.diff(hyper.share.bounds).max()))
            h.share = image.put_struct(share, out=True)
        taken = stop - start
        if start < stop:
            places = [image.put_struct(given) for given in (network, data, h)]
            function = f"train_{self.bits}"
            assert _server.call(function, image, *places, params.size, sum_up=sums) == 0
            taken = share.taken if h.share else taken
        self.ended = bool(share.ended)
        if gradient is None:
            hyper.optimizer.step += taken
        if sums is not None and sums.error is not None:
            raise sums.error
        return taken

    def share(self, image, hyper, weighted, params):
        """Return the struct of a share, and what sums up."""
        given = hyper.share
        share = Share(
            bounds=image.put(given.bounds),
            positions=image.put(given.positions),
            lengths=image.put(given.lengths),
            n_samples=hyper.n_samples,
            leads=given.leads,
        )
        if given.sum is None:
            return share, None
        if weighted:
            share.weights, share.squares = image.put(given.weights), image.put(given.squares)
        widest = int(self.layers["n_out"].max())
        share.numbers = image.put(np.zeros(params.size + 2 + 2 * widest, params.dtype))
        share.reduce = 1
        return share, Sums(given, params.dtype)

    def infer(self, params, state, X, out, n_threads, link=0, pair=False, temperature=1.0):
        if out.size == 0:
            return True
        image = Image()
        network, data = self.network(image, params, state), Data()
        _point_to(image, data, X)
        outputs = Outputs(n_threads, link, pair, temperature)
        places = [image.put_struct(network), image.put_struct(data)]
        places += [image.put_struct(outputs, out=True), image.put(out, out=True)]
        assert _server.call(f"infer_{self.bits}", image, *places) == 0
        return not outputs.not_finite


class Sums:
    """What a program that takes steps together with others has summed up here."""

    def __init__(self, share, dtype):
        self.share, self.dtype, self.error = share, np.dtype(dtype), None

    def __call__(self, first, n, last, stream):
        numbers = np.frombuffer(bytearray(stream.read(n * self.dtype.itemsize)), self.dtype)
        ended = 1
        try:
            if last:
                numbers[-2] = self.share.stops()
            self.share.sum(numbers)
            ended = int(last and numbers[-2] != 0)
        except BaseException as error:
            self.error = error
        return struct.pack("<q", ended) + numbers.tobytes()


def _point_to(image, data, X):
    if isinstance(X, tuple):
        data.indptr, data.indices, data.X = map(image.put, X)
        data.wide_indices = X[1].itemsize == 8
        data.n_samples = len(X[0]) - 1
    else:
        data.X, data.n_samples = image.put(X), len(X)
        data.row_stride, data.column_stride = X.strides


def gemm(A, B, out, n_threads=1):
    image = Image()
    (M, K), N = A.shape, B.shape[1]
    places = image.put(A), K, image.put(B), image.put(out, out=True)
    assert _server.call(f"gemm_{_BITS[A.itemsize]}", image, M, K, N, *places, n_threads) == 0


# ---- what pytest is told


def _put_in_place():
    random, train = types.ModuleType("_random"), types.ModuleType("_train")
    for law in _LAWS:
        setattr(random, f"fill_{law}", functools.partial(_fill, law))
    train.Program, minnet_ext._runtime.gemm = Program, gemm
    sys.modules["minnet_ext._random"] = minnet_ext._random = minnet.random.streams._ext = random
    sys.modules["minnet_ext._train"] = minnet_ext._train = minnet.backends.cython._train = train


_put_in_place()


def pytest_report_header():
    return f"kernels: {shlex.join(COMMAND)}, level {LEVEL}"


def pytest_terminal_summary(terminalreporter):
    terminalreporter.line(f"{_server.n_calls} calls of the emulated kernels, level {LEVEL}")
