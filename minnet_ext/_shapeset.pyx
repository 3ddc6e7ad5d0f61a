"""Images of Shapeset-3x2, to the same bits as ``minnet/datasets/_scenes.py``, which says what they are.

Every operation on floating-point numbers is one of ``+ - * / sqrt``, in the order in which the NumPy
code has it, and is compiled without contraction to FMA. What is transcendental comes in tables.
"""

from libc.math cimport floor, ldexp, sqrt
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memset

from minnet_ext._runtime cimport kernels, minnet_draw

cdef enum:
    SIDE = 32  # pixels of a row, rows of an image
    WORDS = 256  # random words that belong to an image
    FETCHED = 32  # words made at a time: enough for 97% of the images
    ATTEMPTS = 50
    CORNERS = 20  # of the polygon that has most

ctypedef fused pixel:
    uint8_t
    float
    double

cdef struct Random:
    minnet_draw draw
    uint64_t start  # number of the image's first word
    int fetched
    uint32_t words[WORDS]

cdef struct Tables:
    const double *turns
    const double *corners
    const double *fullness
    const double *exponential
    int n_coefficients

cdef struct Shape:
    int kind, grey, n_corners
    double alpha[2]  # cosine and sine of the first rotation
    double orientation[2]
    double base[CORNERS][2]  # after the first rotation
    double scale[2]
    double centre[2]
    double corners[CORNERS][2]  # relative to the centre

cdef int[3] N_CORNERS
cdef int[3] STEPS  # of 2 pi / 255 between -pi/n and pi/n
cdef int[9] LABELS  # of two kinds
N_CORNERS[:] = [3, 4, 20]
STEPS[:] = [85, 63, 13]
LABELS[:] = [6, 3, 5, 3, 7, 4, 5, 4, 8]


cdef inline uint32_t word(Random *random, int i) noexcept nogil:
    while i >= random.fetched:
        kernels.words(
            &random.draw, random.start + random.fetched, FETCHED, random.words + random.fetched
        )
        random.fetched += FETCHED
    return random.words[i]


cdef inline int below(uint32_t value, int n) noexcept nogil:
    return <int> ((<uint64_t> value * <uint64_t> n) >> 32)


cdef inline int quotient(int a, int b) noexcept nogil:
    return a // b if a >= 0 else -(-a // b)


cdef inline double unit(uint32_t value) noexcept nogil:
    return value * 2.0**-32


cdef inline int grey(uint32_t value, bint bright) noexcept nogil:
    return 140 + below(value, 116) if bright else below(value, 115)


cdef void begin(
    Shape *shape, Random *random, int at, bint bright, const Tables *tables
) noexcept nogil:
    """Draw what stays when a shape is redrawn: kind, grey, first rotation and orientation."""
    cdef int i, turn, steps
    cdef double c, s, x, y
    cdef const double *corner
    shape.kind = below(word(random, at), 3)
    shape.grey = grey(word(random, at + 1), bright)
    shape.n_corners = N_CORNERS[shape.kind]
    steps = STEPS[shape.kind]
    turn = below(word(random, at + 2), steps) - steps // 2
    if turn < 0:
        turn += 255
    c, s = tables.turns[2 * turn], tables.turns[2 * turn + 1]
    shape.alpha[0], shape.alpha[1] = c, s
    turn = below(word(random, at + 3), 254)
    shape.orientation[0], shape.orientation[1] = tables.turns[2 * turn], tables.turns[2 * turn + 1]
    for i in range(shape.n_corners):
        corner = tables.corners + 2 * (CORNERS * shape.kind + i)
        x, y = corner[0], corner[1]
        shape.base[i][0] = c * x - s * y
        shape.base[i][1] = s * x + c * y


cdef void place(Shape *shape, Random *random, int at) noexcept nogil:
    """Draw scale and position, and compute the corners."""
    cdef int i
    cdef double a, b, s0, s1, x, y, h, c, s, low_x, high_x, low_y, high_y
    a = (0.2 + 0.6 * unit(word(random, at))) * SIDE
    b = (0.2 + 0.6 * unit(word(random, at + 1))) * SIDE
    s0, s1 = (a, b) if a >= b else (b, a)
    shape.scale[0], shape.scale[1] = s0, s1
    x = s0 * shape.alpha[0]
    y = s1 * shape.alpha[1]
    h = sqrt(x * x + y * y)
    x = x / h
    y = y / h
    c = shape.orientation[0] * x + shape.orientation[1] * y
    s = shape.orientation[1] * x - shape.orientation[0] * y
    low_x = low_y = SIDE
    high_x = high_y = -SIDE
    for i in range(shape.n_corners):
        x = s0 * shape.base[i][0]
        y = s1 * shape.base[i][1]
        a = c * x - s * y
        b = s * x + c * y
        low_x, high_x = min(low_x, a), max(high_x, a)
        low_y, high_y = min(low_y, b), max(high_y, b)
        shape.corners[i][0] = a
        shape.corners[i][1] = b
    low_x, high_x = 1.0 - low_x, (SIDE - 1.0) - high_x
    low_y, high_y = 1.0 - low_y, (SIDE - 1.0) - high_y
    shape.centre[0] = low_x + unit(word(random, at + 2)) * (high_x - low_x)
    shape.centre[1] = low_y + unit(word(random, at + 3)) * (high_y - low_y)


cdef double power_of_two(double x, const Tables *tables) noexcept nogil:
    """Return 2**x, x from -1000 to 0."""
    cdef double n = floor(x + 0.5), f = x - n
    cdef int i = tables.n_coefficients - 1
    cdef double value = tables.exponential[i]
    while i > 0:
        i -= 1
        value = value * f + tables.exponential[i]
    return ldexp(value, <int> n)


cdef bint hides(const Shape *second, const Shape *first, const Tables *tables) noexcept nogil:
    """Say whether, by the estimate, the second covers more than half of the first."""
    cdef int i
    cdef double dx, dy, square, reach, most, touch, ratio, x
    dx = second.centre[0] - floor(first.centre[0])
    dy = second.centre[1] - floor(first.centre[1])
    square = dx * dx + dy * dy
    most = -1e9
    for i in range(first.n_corners):
        most = max(most, first.corners[i][0] * dx + first.corners[i][1] * dy)
    touch = most
    most = -1e9
    for i in range(second.n_corners):
        most = max(most, -(second.corners[i][0] * dx + second.corners[i][1] * dy))
    touch = touch + most
    if touch < square:
        return False
    x = -1000.0
    if square > 0.0:
        x = max(x, 1.0 - touch / square)
    ratio = (second.scale[0] * second.scale[1] * tables.fullness[second.kind]) / (
        first.scale[0] * first.scale[1] * tables.fullness[first.kind]
    )
    return ratio * (1.0 - power_of_two(x, tables)) > 0.5


cdef void paint(const Shape *shape, pixel *image, pixel value) noexcept nogil:
    """Fill each row from the pixel of one crossing to that of the other, corners at whole numbers."""
    cdef int i, j, row, column, edge, x0, y0, x1, y1, last = 0
    cdef int[SIDE] left
    cdef int[SIDE] right
    cdef int[CORNERS] xs
    cdef int[CORNERS] ys
    for row in range(SIDE):
        left[row], right[row] = SIDE, -1
    for i in range(shape.n_corners):
        xs[i] = max(0, min(SIDE - 1, <int> floor(shape.corners[i][0] + shape.centre[0])))
        ys[i] = max(0, min(SIDE - 1, <int> floor(shape.corners[i][1] + shape.centre[1])))
        last = max(last, ys[i])
    for i in range(shape.n_corners):
        j = i + 1 if i + 1 < shape.n_corners else 0
        if ys[i] < ys[j]:
            x0, y0, x1, y1 = xs[i], ys[i], xs[j], ys[j]
        else:
            x0, y0, x1, y1 = xs[j], ys[j], xs[i], ys[i]
        if y0 == y1:
            continue
        for row in range(y0, y1 + 1 if y1 == last else y1):
            edge = x0 + quotient((row - y0) * (x1 - x0), y1 - y0)
            left[row] = min(left[row], edge)
            right[row] = max(right[row], edge)
    for row in range(SIDE):
        for column in range(left[row], right[row] + 1):
            image[SIDE * row + column] = value


cdef int64_t make(
    Random *random, pixel *image, const pixel *levels, const Tables *tables
) noexcept nogil:
    """Draw and paint an image; return its label."""
    cdef Shape first, second
    cdef bint bright = below(word(random, 0), 2), both = below(word(random, 1), 2)
    cdef pixel background = levels[grey(word(random, 2), not bright)]
    cdef int i, attempt
    for i in range(SIDE * SIDE):
        image[i] = background
    begin(&first, random, 4, bright, tables)
    place(&first, random, 8)
    paint(&first, image, levels[first.grey])
    if not both:
        return first.kind
    begin(&second, random, 12, bright, tables)
    for attempt in range(ATTEMPTS):
        place(&second, random, 16 + 4 * attempt)
        if not hides(&second, &first, tables):
            paint(&second, image, levels[second.grey])
            return LABELS[3 * first.kind + second.kind]
    return first.kind


def fill(
    uint64_t key,
    uint32_t index,
    uint32_t code,
    uint64_t start,
    pixel[:, ::1] X,
    int64_t[::1] y,
    const pixel[::1] levels,
    const double[:, ::1] turns,
    const double[:, :, ::1] corners,
    const double[::1] fullness,
    const double[::1] exponential,
):
    """Write images ``start``, ``start + 1``, ... of a stream into X and their labels into y."""
    cdef Random random
    cdef Tables tables
    cdef Py_ssize_t i
    if (
        X.shape[1] != SIDE * SIDE
        or y.shape[0] != X.shape[0]
        or levels.shape[0] != 256
        or turns.shape[0] != 255
        or turns.shape[1] != 2
        or corners.shape[0] != 3
        or corners.shape[1] != CORNERS
        or corners.shape[2] != 2
        or fullness.shape[0] != 3
        or exponential.shape[0] < 1
    ):
        raise ValueError("an array has the wrong size")
    memset(&random, 0, sizeof(random))
    random.draw.key[0] = key & <uint64_t> 0xFFFFFFFF
    random.draw.key[1] = key >> 32
    random.draw.stream[0] = index
    random.draw.stream[1] = code
    tables.turns = &turns[0, 0]
    tables.corners = &corners[0, 0, 0]
    tables.fullness = &fullness[0]
    tables.exponential = &exponential[0]
    tables.n_coefficients = <int> exponential.shape[0]
    with nogil:
        for i in range(X.shape[0]):
            random.start = WORDS * (start + <uint64_t> i)
            random.fetched = 0
            y[i] = make(&random, &X[i, 0], &levels[0], &tables)
