"""Activations and their derivatives in 60 digits: an oracle that shares no code with minnet."""

from decimal import MAX_EMAX, MIN_EMIN, Context, Decimal, localcontext

PI = Decimal("3.14159265358979323846264338327950288419716939937510582097494459")
_CONTEXT = Context(prec=60, Emax=MAX_EMAX, Emin=MIN_EMIN)


def expm1(z):
    """exp(z) - 1; near 0 by its series, where the difference would lose digits."""
    if abs(z) < Decimal("1e-8"):
        return z * (1 + z / 2 * (1 + z / 3 * (1 + z / 4 * (1 + z / 5 * (1 + z / 6)))))
    return z.exp() - 1


def log1p(z):
    if abs(z) < Decimal("1e-8"):
        return z * (1 - z * (Decimal(1) / 2 - z * (Decimal(1) / 3 - z * (Decimal(1) / 4 - z / 5))))
    return (1 + z).ln()


def sigmoid(z):
    e = (-abs(z)).exp()
    return 1 / (1 + e) if z >= 0 else e / (1 + e)


def tanh(z):
    e = expm1(-2 * abs(z))
    return (-e / (2 + e)).copy_sign(z)


def softplus(z):
    return max(z, Decimal(0)) + log1p((-abs(z)).exp())


def normal_density(z):
    return (-z * z / 2).exp() / (2 * PI).sqrt()


def normal_distribution(z):
    """By the series of erf near 0, by the continued fraction of erfc in the tails."""
    x = abs(z) / Decimal(2).sqrt()
    if x < 3:
        term = total = x
        for n in range(1, 150):
            term *= 2 * x * x / (2 * n + 1)
            total += term
        upper = Decimal("0.5") - total * (-x * x).exp() / PI.sqrt()
    else:
        fraction = x
        for n in range(300, 0, -1):
            fraction = x + Decimal(n) / 2 / fraction
        upper = (-x * x).exp() / (2 * PI.sqrt() * fraction)
    return upper if z < 0 else 1 - upper


LECUN = Decimal.from_float(1.7159)
LAMBDA, ALPHA = map(Decimal.from_float, (1.0507009873554805, 1.6732632423543772))
ONE = Decimal(1)


def _rectifier(slope):
    slope = Decimal(slope)
    return lambda z: z if z > 0 else slope * z, lambda z: ONE if z > 0 else slope


def _elu(alpha, scale=ONE):
    return (
        lambda z: scale * (z if z > 0 else alpha * expm1(z)),
        lambda z: scale * (ONE if z > 0 else alpha * z.exp()),
    )


#: Class name -> (f, f') on Decimals, for the default configuration.
EXACT = {
    "Identity": (lambda z: z, lambda z: ONE),
    "Sigmoid": (sigmoid, lambda z: sigmoid(z) * sigmoid(-z)),
    "Tanh": (tanh, lambda z: 4 * sigmoid(2 * z) * sigmoid(-2 * z)),
    "LecunTanh": (
        lambda z: LECUN * tanh(2 * z / 3),
        lambda z: LECUN * 8 / 3 * sigmoid(4 * z / 3) * sigmoid(-4 * z / 3),
    ),
    "Softsign": (lambda z: z / (1 + abs(z)), lambda z: 1 / (1 + abs(z)) ** 2),
    "Relu": _rectifier(0),
    "LeakyRelu": _rectifier(0.01),
    "Elu": _elu(ONE),
    "Selu": _elu(ALPHA, LAMBDA),
    "Gelu": (
        lambda z: z * normal_distribution(z),
        lambda z: normal_distribution(z) + z * normal_density(z),
    ),
    "Silu": (
        lambda z: z * sigmoid(z),
        lambda z: sigmoid(z) * (1 + z * sigmoid(-z)),
    ),
    "Softplus": (softplus, sigmoid),
}


def evaluate(function, values):
    """Return the function at each float, exactly converted, as a list of Decimals."""
    with localcontext(_CONTEXT):
        return [+function(Decimal(float(value))) for value in values]
