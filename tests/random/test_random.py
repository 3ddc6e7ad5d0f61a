"""Philox, streams and laws, in NumPy and compiled."""

import copy
import itertools
import pickle
from decimal import Decimal, localcontext

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from scipy import special, stats

import minnet.random.streams as minnet_random
from minnet.random import Stream, as_stream, draw_key, philox4x32
from minnet.random import elementary as _elementary

# The test vectors that come with Random123 (kat_vectors, "philox4x32 10").
PUBLISHED = [
    ([0] * 4, [0] * 2, "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
    ([0xFFFFFFFF] * 4, [0xFFFFFFFF] * 2, "408f276d 41c83b0e a20bc7c6 6d5451fd"),
    (
        [0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344],
        [0xA4093822, 0x299F31D0],
        "d16cfe09 94fdcceb 5001e420 24126ea1",
    ),
]
DTYPES = ["float32", "float64"]
N = 200_001


@pytest.fixture(params=["numpy", "compiled"])
def engine(request, monkeypatch):
    """Each test that asks for it runs on the NumPy code and on the extension."""
    if request.param == "numpy":
        monkeypatch.setattr(minnet_random, "_ext", None)
    elif minnet_random._ext is None:
        pytest.skip("installed without the extension")


@pytest.mark.parametrize(("counter", "key", "words"), PUBLISHED)
def test_published_vectors(counter, key, words):
    assert " ".join(f"{word:08x}" for word in philox4x32(counter, key)) == words


def test_philox_takes_any_leading_shape():
    counters = np.array([row[0] for row in PUBLISHED], dtype=np.uint32)
    many = philox4x32(np.stack([counters, counters[::-1]]), PUBLISHED[2][1])
    assert many.shape == (2, 3, 4)
    assert many.dtype == np.uint32
    assert_array_equal(many[0, 2], philox4x32(*PUBLISHED[2][:2]))
    assert_array_equal(many[0], many[1, ::-1])


def test_words_of_a_stream_are_the_blocks_of_its_address(engine):
    # crc32(b"123456789") is the check value that every definition of CRC-32 gives.
    stream = Stream(0x0123456789ABCDEF, "123456789", index=5)
    key = [0x89ABCDEF, 0x01234567]
    blocks = [philox4x32([i, 0, 5, 0xCBF43926], key) for i in range(25)]
    assert_array_equal(stream.words(98, start=1), np.concatenate(blocks)[1:99])
    far = 2**34 + 12  # block 2**32 + 3: the second counter word counts too
    assert_array_equal(stream.words(4, start=far), philox4x32([3, 1, 5, 0xCBF43926], key))


def test_uniform_is_made_of_the_words(engine):
    stream = Stream(3, "x")
    words = stream.words(4000).astype(np.uint64)
    u = (words[:2000] >> np.uint64(8)) / 2**24
    assert_array_equal(stream.uniform(2000, dtype="float32"), u.astype("float32"))
    assert_array_equal(
        stream.uniform(2000, -0.3, 0.3, dtype="float32"),
        np.float32(0.3) * (2 * u - 1).astype("float32"),
    )
    a, b = words[::2] >> np.uint64(5), words[1::2] >> np.uint64(6)
    u = (a * 2.0**26 + b) / 2.0**53
    assert_array_equal(stream.uniform(2000), u)
    assert_array_equal(stream.uniform(2000, -0.3, 0.3), 0.3 * (2 * u - 1))


LAWS = {
    "uniform": ({}, stats.uniform()),
    "uniform off centre": ({"low": 2.0, "high": 5.0}, stats.uniform(2, 3)),
    "normal": ({}, stats.norm()),
    "normal shifted": ({"mean": -1.0, "std": 0.02}, stats.norm(-1, 0.02)),
    "truncated_normal": ({}, stats.truncnorm(-2, 2)),
    "truncated_normal shifted": ({"mean": 3.0, "std": 2.0}, stats.truncnorm(-2, 2, 3, 2)),
    "truncated_normal lopsided": ({"lower": -0.5, "upper": 3.0}, stats.truncnorm(-0.5, 3)),
    "truncated_normal upper tail": ({"lower": 4.0, "upper": 9.0}, stats.truncnorm(4, 9)),
    "truncated_normal lower tail": ({"lower": -30.0, "upper": -8.0}, stats.truncnorm(-30, -8)),
    "truncated_normal half line": ({"lower": 1.0, "upper": np.inf}, stats.truncnorm(1, np.inf)),
    "truncated_normal whole line": ({"lower": -np.inf, "upper": np.inf}, stats.norm()),
}


def draw(stream, law, shape=N, **more):
    return getattr(stream, law.split()[0])(shape, **LAWS[law][0], **more)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("law", LAWS)
def test_law(law, dtype, engine):
    values = draw(Stream(2024, "law"), law, dtype=dtype)
    assert values.dtype == dtype
    exact = LAWS[law][1]
    assert stats.kstest(values.astype("float64"), exact.cdf).pvalue > 1e-3
    low, high = exact.support()
    assert np.float32(low) <= values.min()
    assert values.max() <= np.float32(high)
    # the tails, which the Kolmogorov-Smirnov test hardly sees
    for q in (1e-3, 1e-4):
        for count in (np.sum(values < exact.ppf(q)), np.sum(values > exact.isf(q))):
            assert stats.binomtest(int(count), N, q).pvalue > 1e-3


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("law", LAWS)
def test_any_piece_equals_the_piece_of_the_whole(law, dtype, engine):
    stream = Stream(99, "pieces", 7)
    whole = draw(stream, law, 70_000, dtype=dtype)
    for start, n in [(0, 1), (1, 1), (1, 2), (3, 600), (511, 2), (32_767, 3), (69_999, 1), (5, 0)]:
        assert_array_equal(draw(stream, law, n, dtype=dtype, start=start), whole[start:][:n])
    assert_array_equal(draw(stream, law, (7, 100, 100), dtype=dtype).ravel(), whole)


@pytest.mark.skipif(minnet_random._ext is None, reason="installed without the extension")
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("law", LAWS)
def test_numpy_and_compiled_code_agree_bit_for_bit(law, dtype, monkeypatch):
    starts_and_sizes = [(0, N), (1, 4099), (2, 31), (3, 1), (2**41 + 1, 1027)]
    streams = [Stream(0, ""), Stream(2**64 - 1, "dropout", 2**32 - 1)]
    cases = list(itertools.product(streams, starts_and_sizes))
    compiled = [draw(s, law, n, dtype=dtype, start=start) for s, (start, n) in cases]
    monkeypatch.setattr(minnet_random, "_ext", None)
    for (stream, (start, n)), values in zip(cases, compiled, strict=True):
        expected = draw(stream, law, n, dtype=dtype, start=start)
        assert values.tobytes() == expected.tobytes()


@pytest.mark.skipif(minnet_random._ext is None, reason="installed without the extension")
@pytest.mark.parametrize(("dtype", "skipped"), [("float32", 0), ("float32", 5), ("float64", 1)])
def test_threads_that_take_large_pages_leave_none_out_and_write_no_more(dtype, skipped):
    """From sixteen such pages on two threads take whole ones, wherever the array begins in the first."""
    stream = Stream(5, "pages")
    n = 9 * 2**22 // np.dtype(dtype).itemsize + 13
    whole = np.zeros(n + 64, dtype)
    for n_threads in (1, 2, 3):
        part = np.full(n + 64, np.nan, dtype)
        out = whole if n_threads == 1 else part
        given = *stream.address, 0, out[skipped : skipped + n], 0.0, 1.0, -1.0, 1.0, n_threads
        minnet_random._ext.fill_uniform(*given)
        if n_threads > 1:
            drawn = slice(skipped, skipped + n)
            assert part[drawn].tobytes() == whole[drawn].tobytes()
            assert np.isnan(part[:skipped]).all()
            assert np.isnan(part[skipped + n :]).all()


@pytest.mark.parametrize("dtype", DTYPES)
def test_normal_pairs_are_independent(dtype):
    z = Stream(5, "normal").normal((N // 2, 2), dtype=dtype).astype("float64")
    assert abs(stats.spearmanr(z[:, 0], z[:, 1]).statistic) < 4 / np.sqrt(N / 2)
    assert stats.kstest((z**2).sum(axis=1), stats.chi2(2).cdf).pvalue > 1e-3
    angle = np.arctan2(z[:, 1], z[:, 0]) / np.pi
    assert stats.kstest(angle, stats.uniform(-1, 2).cdf).pvalue > 1e-3


def test_streams_are_independent():
    streams = [Stream(k, n, i) for k in (0, 1) for n in ("initializer", "dropout") for i in (0, 1)]
    values = np.array([stream.uniform(20_000) for stream in streams])
    correlation = np.corrcoef(values) - np.eye(len(streams))
    assert np.abs(correlation).max() < 4.5 / np.sqrt(20_000)


def ulps(values, exact):
    """Largest error in units of the last place; exact is a list of Decimal."""
    return max(
        abs(float((Decimal(float(value)) - e) / Decimal(float(np.spacing(np.abs(value))))))
        for value, e in zip(values, exact, strict=True)
    )


@pytest.mark.parametrize("dtype", DTYPES)
def test_log_is_right_to_an_ulp(dtype):
    tiny = np.exp2(-Stream(1, "log").uniform(500, 0, 60))
    x = np.concatenate([tiny, 1 - 0.1 * tiny, Stream(2, "log").uniform(500) + 2.0**-24])
    x = x[x != 1].astype(dtype)
    x = x[x != 1]
    with localcontext(prec=40):
        exact = [Decimal(float(v)).ln() for v in x]
    assert ulps(_elementary.log(x), exact) < 1
    assert_array_equal(_elementary.log(np.ones(1, dtype)), 0)


def decimal_cos_sin(turns, n_bits):
    """Series in 40 digits, after reduction to an eighth of a turn: shares nothing with the code."""
    pi = Decimal("3.1415926535897932384626433832795028841971693993751")
    quarter, rest = divmod(turns, 1 << (n_bits - 2))
    x = pi / 2 * rest / (1 << (n_bits - 2))
    sums, term = [Decimal(0), Decimal(0)], Decimal(1)
    for k in range(40):
        sums[k % 2] += term if k % 4 < 2 else -term
        term = term * x / (k + 1)
    c, s = sums
    return [(c, s), (-s, c), (-c, -s), (s, -c)][quarter]


@pytest.mark.parametrize(("dtype", "n_bits"), [("float32", 24), ("float64", 53)])
def test_cos_and_sin_are_right_to_two_ulp(dtype, n_bits):
    edges = [(eighth << (n_bits - 3)) + d for eighth in range(8) for d in (-1, 0, 1)][1:]
    turns = np.array(edges + list(np.linspace(1, 2**n_bits - 1, 300).astype("int64")))
    turns = turns.astype("int32" if dtype == "float32" else "int64")
    cosine, sine = _elementary.cos_sin(turns, n_bits, dtype)
    with localcontext(prec=40):
        exact = [decimal_cos_sin(int(t), n_bits) for t in turns]
    # where the exact value is 0 the difference must be 0; elsewhere count units
    for values, part in ((cosine, 0), (sine, 1)):
        expected = [pair[part] for pair in exact]
        zero = np.array([abs(e) < Decimal("1e-30") for e in expected])
        assert_array_equal(values[zero], 0)
        rest = [e for e, z in zip(expected, zero, strict=True) if not z]
        assert ulps(values[~zero], rest) < 2
    assert_array_equal(
        _elementary.cos_sin(np.array([0, 1, 2, 3], turns.dtype) << (n_bits - 2), n_bits, dtype),
        [[1, 0, -1, 0], [0, 1, 0, -1]],
    )


def test_inverse_normal_equals_scipy():
    p = np.concatenate([np.linspace(0.001, 0.999, 5001), 10.0 ** -np.linspace(1, 300, 500)])
    p = p[np.abs(p - 0.5) > 1e-9]
    np.testing.assert_allclose(_elementary.ndtri(p), special.ndtri(p), rtol=3e-15)


def test_narrow_and_far_intervals_stay_inside(engine):
    stream = Stream(8, "edges")
    for lower, upper in [
        (0.5, 0.5 + 1e-9),
        (8.0, 8.001),
        (-36.0, -35.9),
        (-9.0, 8.5),
        (20, np.inf),
    ]:
        values = stream.truncated_normal(2000, lower=lower, upper=upper)
        assert lower <= values.min() <= values.max() <= upper
        assert np.isfinite(values).all()


def test_degenerate_parameters(engine):
    stream = Stream(8, "edges")
    assert_array_equal(stream.uniform(9, 0.1, 0.1, dtype="float32"), np.float32(0.1))
    assert_array_equal(stream.normal(9, mean=2.0, std=0.0), 2.0)
    assert_array_equal(stream.truncated_normal(9, mean=2.0, std=0.0), 2.0)
    assert stream.uniform(()).shape == ()
    assert stream.normal((3, 0, 2)).shape == (3, 0, 2)
    assert stream.words(0).shape == (0,)


@pytest.mark.parametrize("n", [0, 1, 2, 1000, 70_000])
def test_permutation_is_a_permutation(n):
    order = Stream(1, "shuffle").permutation(n)
    assert order.dtype == np.int64
    assert_array_equal(np.sort(order), np.arange(n))


def test_permutation_sorts_the_words():
    stream = Stream(1, "shuffle")
    assert_array_equal(stream.permutation(5000), np.argsort(stream.words(5000), kind="stable"))


def test_permutations_are_uniform():
    orders = [tuple(Stream(1, "shuffle", i).permutation(4)) for i in range(4800)]
    counts = [orders.count(order) for order in itertools.permutations(range(4))]
    assert stats.chisquare(counts).pvalue > 1e-3


def test_stream_is_a_value():
    stream = Stream(np.int64(3), "a", np.uint8(2))
    assert stream == Stream(3, "a", 2)
    assert stream != Stream(3, "b", 2)
    assert hash(stream) == hash(Stream(3, "a", 2))
    assert repr(stream) == "Stream(key=3, name='a', index=2)"
    assert pickle.loads(pickle.dumps(stream)) == stream == copy.deepcopy(stream)
    with pytest.raises(AttributeError):
        stream.key = 4


def test_generator_belongs_to_the_stream():
    a = Stream(3, "a").generator().normal(size=5)
    assert_array_equal(a, Stream(3, "a").generator().normal(size=5))
    assert not np.array_equal(a, Stream(3, "a", 1).generator().normal(size=5))
    assert not np.array_equal(a, Stream(3, "b").generator().normal(size=5))


def test_as_stream():
    stream = Stream(3, "a", 2)
    assert as_stream(stream) is stream
    assert as_stream(np.int64(7), "b", 1) == Stream(7, "b", 1)
    assert as_stream(None) != as_stream(None)
    rng = np.random.default_rng(0)
    assert as_stream(rng) != as_stream(rng)
    assert as_stream(np.random.default_rng(0)) == as_stream(np.random.default_rng(0))
    assert as_stream(np.random.RandomState(0)) == as_stream(np.random.RandomState(0))


def test_draw_key_takes_one_draw():
    rng, same = np.random.RandomState(5), np.random.RandomState(5)
    assert draw_key(rng) == int.from_bytes(same.bytes(8), "little")
    assert rng.randint(10**9) == same.randint(10**9)
    assert 0 <= draw_key(None) < 2**64
    assert draw_key(1) != draw_key(2)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda s: as_stream("0"), TypeError, "rng must be None, an int, .* got '0'"),
        (lambda s: as_stream(True), TypeError, "rng must be None, an int, .* got True"),
        (lambda s: as_stream(-1), ValueError, "rng must be at least 0 and less than .* got -1"),
        (lambda s: Stream(2**64, "a"), ValueError, "key must be at least 0 and less than"),
        (lambda s: Stream(1.5, "a"), TypeError, "key must be an int, got 1.5"),
        (lambda s: Stream(1, 2), TypeError, "name must be a str, got 2"),
        (lambda s: Stream(1, "a", -1), ValueError, "index must be at least 0"),
        (lambda s: s.words(-1), ValueError, "n must be at least 0"),
        (lambda s: s.uniform(3, start=-1), ValueError, "start must be at least 0"),
        (lambda s: s.uniform(3, start=0.5), TypeError, "start must be an int, got 0.5"),
        (lambda s: s.uniform(3, dtype="int32"), ValueError, "dtype must be float32 or float64"),
        (lambda s: s.uniform(3, 2.0, 1.0), ValueError, "low must not exceed high, got low=2.0"),
        (lambda s: s.uniform(3, 0.0, np.inf), ValueError, "high must be finite .* got inf"),
        (lambda s: s.uniform(3, 0.0, 1e39, dtype="float32"), ValueError, "high must be finite"),
        (lambda s: s.normal(3, np.nan), ValueError, "mean must be finite in float64, got nan"),
        (lambda s: s.normal(3, std=-1.0), ValueError, "std must be at least 0, got -1.0"),
        (lambda s: s.truncated_normal(3, std=-1.0), ValueError, "std must be at least 0"),
        (lambda s: s.truncated_normal(3, lower=2.0), ValueError, "lower must be less than upper"),
        (
            lambda s: s.truncated_normal(3, lower=np.nan),
            ValueError,
            "lower must be less than upper",
        ),
        (
            lambda s: s.truncated_normal(3, lower=40.0, upper=50.0),
            ValueError,
            "must enclose a probability",
        ),
        (lambda s: s.permutation(2**32), ValueError, "n must be at least 0 and less than"),
    ],
)
def test_errors_name_the_argument(call, error, message):
    with pytest.raises(error, match=message):
        call(Stream(0, "errors"))
