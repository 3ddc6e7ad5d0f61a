/* Products of small matrices: one micro-kernel, used forward, backward and for the update.
 *
 * tile() multiplies up to MR rows of A with NR = 2 vectors of columns of B and leaves the sums in
 * `out`, MR rows of NR numbers.  A is read one number at a time through two strides, so it may be
 * transposed; B is read a vector at a time, row by row.  Every sum runs over k in one order, in one
 * register, so the bits do not depend on how rows and columns are split among tiles and threads.
 */
#ifndef MINNET_GEMM_H
#define MINNET_GEMM_H
#ifdef __AVX512F__
#define MR 12 /* 24 of 32 registers hold sums; with AVX2 it is 12 of 16 */
#else
#define MR 6
#endif
/* Keeps a vector in a register: without it GCC folds one load into several multiplications, which
 * makes the loop wait for the load ports (measured 60 against 83 Gflop/s). */
#if defined(__GNUC__) && defined(__SSE2__) && !defined(MINNET_SCALAR)
#ifdef __AVX512F__
#define IN_REGISTER(v) __asm__("" : "+v"(v))
#else
#define IN_REGISTER(v) __asm__("" : "+x"(v))
#endif
#else
#define IN_REGISTER(v) ((void)0)
#endif
/* Makes a product be rounded by itself: GCC fuses it with the sum in one copy of a loop, but not in
 * another, and bits would depend on how many columns a thread has. */
#if defined(__GNUC__) && defined(__AVX512F__)
#define ROUNDED(v) __asm__("" : "+v"(v))
#elif defined(__GNUC__) && defined(__SSE2__)
#define ROUNDED(v) __asm__("" : "+x"(v))
#elif defined(__GNUC__) && defined(__aarch64__)
#define ROUNDED(v) __asm__("" : "+w"(v))
#else
#define ROUNDED(v) ((void)0)
#endif

#if defined(__GNUC__)
#define NOINLINE __attribute__((noinline))
#define PREFETCH(address) __builtin_prefetch(address)
#define PREFETCH_TO_WRITE(address) __builtin_prefetch(address, 1)
#else
#define NOINLINE
#define PREFETCH(address) ((void)(address))
#define PREFETCH_TO_WRITE(address) ((void)(address))
#endif
/* Arrays of vectors live in registers only if the loops over them are unrolled early. Without it GCC
 * clears the sums in memory by `rep stos`, which took as long as 15 rows of a product (47 ns). */
#if defined(__clang__)
#define UNROLLED _Pragma("clang loop unroll(full)")
#elif defined(__GNUC__)
#define UNROLLED _Pragma("GCC unroll 32")
#else
#define UNROLLED
#endif
/* Products of rows with rows, DOT_A of A with DOT_B of B at a time: so many sums fit into registers. */
#ifdef __AVX512F__
#define DOT_A 5
#define DOT_B 3
#else
#define DOT_A 2
#define DOT_B 4
#endif
#endif

#define NR (2 * LANES)

INLINE vreal rounded(vreal a, vreal b) {
    vreal p = a * b;
    ROUNDED(p);
    return p;
}

/* The first n lanes from memory (all of them where n is larger), the others from `rest`. */
INLINE vreal load_part_over(vreal rest, const real *from, ptrdiff_t n) {
    if (n >= LANES) return load(from);
#if VBYTES == 64 && REAL_BITS == 32
    return (vreal)_mm512_mask_loadu_ps((__m512)rest, (__mmask16)((1u << n) - 1), from);
#elif VBYTES == 64
    return (vreal)_mm512_mask_loadu_pd((__m512d)rest, (__mmask8)((1u << n) - 1), from);
#else
    real lanes[LANES];
    store(lanes, rest);
    for (ptrdiff_t j = 0; j < n; j++) lanes[j] = from[j];
    return load(lanes);
#endif
}
INLINE vreal load_part(const real *from, ptrdiff_t n) {
    return load_part_over(splat(0), from, n);
}
INLINE void store_part(real *to, vreal v, ptrdiff_t n) {
    if (n >= LANES) {
        store(to, v);
        return;
    }
#if VBYTES == 64 && REAL_BITS == 32
    _mm512_mask_storeu_ps(to, (__mmask16)((1u << n) - 1), (__m512)v);
#elif VBYTES == 64
    _mm512_mask_storeu_pd(to, (__mmask8)((1u << n) - 1), (__m512d)v);
#else
    real lanes[LANES];
    store(lanes, v);
    for (ptrdiff_t j = 0; j < n; j++) to[j] = lanes[j];
#endif
}

#define TILE_STEP(ROWS, VECTORS)                                                                  \
    {                                                                                             \
        PREFETCH(b + ahead);                                                                      \
        if (VECTORS == 2) PREFETCH(b + ahead + LANES);                                            \
        vreal b0 = load(b), b1 = load(b + (VECTORS - 1) * LANES);                     \
        IN_REGISTER(b0);                                                                          \
        IN_REGISTER(b1);                                                                          \
        UNROLLED for (int i = 0; i < ROWS; i++) {                                                 \
            vreal x = splat(a[i * a_row]);                                                  \
            IN_REGISTER(x);                                                                       \
            sum0[i] = x * b0 + sum0[i];                                                           \
            if (VECTORS == 2) sum1[i] = x * b1 + sum1[i];                                         \
        }                                                                                         \
        a += a_step;                                                                              \
        b += b_step;                                                                              \
    }

/* What becomes of the sums: */
#ifndef MINNET_TILE_MODES
#define MINNET_TILE_MODES
enum tile_mode {
    TILE_STORE, /* out = sums */
    TILE_UPDATE /* out = keep out + scale sums */
};
#endif

#define DEFINE_TILE(ROWS, VECTORS)                                                                \
    static NOINLINE void tile##ROWS##x##VECTORS(                                            \
        ptrdiff_t n, const real *a, ptrdiff_t a_row, ptrdiff_t a_step, const real *b,             \
        ptrdiff_t b_step, ptrdiff_t ahead, real *out, ptrdiff_t out_row, int mode, real keep,     \
        real scale) {                                                                             \
        vreal sum0[ROWS], sum1[ROWS];                                                             \
        const vreal splat_scale = splat(scale);                                             \
        UNROLLED for (int i = 0; i < ROWS; i++) {                                                 \
            sum0[i] = sum1[i] = splat(0);                                                   \
            PREFETCH_TO_WRITE(out + i * out_row); /* 10% of large products */                     \
            if (VECTORS == 2) PREFETCH_TO_WRITE(out + i * out_row + LANES);                       \
        }                                                                                         \
        for (; n >= 4; n -= 4) {                                                                  \
            TILE_STEP(ROWS, VECTORS)                                                              \
            TILE_STEP(ROWS, VECTORS)                                                              \
            TILE_STEP(ROWS, VECTORS)                                                              \
            TILE_STEP(ROWS, VECTORS)                                                              \
        }                                                                                         \
        for (; n > 0; n--) TILE_STEP(ROWS, VECTORS)                                               \
        UNROLLED for (int i = 0; i < ROWS; i++) {                                                 \
            real *to = out + i * out_row;                                                         \
            if (mode == TILE_UPDATE) {                                                            \
                sum0[i] = load(to) * keep + rounded(sum0[i], splat_scale);            \
                if (VECTORS == 2) {                                                               \
                    sum1[i] = load(to + LANES) * keep + rounded(sum1[i], splat_scale);\
                }                                                                                 \
            }                                                                                     \
            store(to, sum0[i]);                                                             \
            if (VECTORS == 2) store(to + LANES, sum1[i]);                                   \
        }                                                                                         \
    }

#define UP_TO_6(DO) DO(1) DO(2) DO(3) DO(4) DO(5) DO(6)
#define UP_TO_12(DO) UP_TO_6(DO) DO(7) DO(8) DO(9) DO(10) DO(11) DO(12)
#if MR > 6
#define ALL_ROWS(DO) UP_TO_12(DO)
#else
#define ALL_ROWS(DO) UP_TO_6(DO)
#endif
#define DEFINE_BOTH(ROWS) DEFINE_TILE(ROWS, 1) DEFINE_TILE(ROWS, 2)
ALL_ROWS(DEFINE_BOTH)

/* Only the first `width` columns are wanted; narrow tiles leave the second vector of `out` alone.
 * What lies `ahead` of B is fetched into the cache on the way. */
INLINE void tile(int rows, ptrdiff_t width, ptrdiff_t n, const real *a, ptrdiff_t a_row,
                       ptrdiff_t a_step, const real *b, ptrdiff_t b_step, ptrdiff_t ahead, real *out,
                       ptrdiff_t out_row, int mode, real keep, real scale) {
#undef CALL
#define CALL(ROWS)                                                                                \
    case ROWS:                                                                                    \
        (width > LANES ? tile##ROWS##x2 : tile##ROWS##x1)(                            \
            n, a, a_row, a_step, b, b_step, ahead, out, out_row, mode, keep, scale);              \
        break;
    switch (rows) { ALL_ROWS(CALL) }
}

/* Updates of few rows of X and dZ: W = keep W + X^T dZ for `rows` rows of W and HELD vectors of columns, whose
 * dZ stay in registers, so that each weight is read and written once and nothing else is but the numbers
 * of X: x[r * HELD_ROWS + m], packed. */
#define HELD_ROWS 12 /* of a batch */
#if VBYTES == 64
#define HELD 2
#else
#define HELD 1
#endif
#define DEFINE_HELD(ROWS)                                                                         \
    static NOINLINE void update_held##ROWS(ptrdiff_t rows, const real *x, const real *dZ,   \
                                                 ptrdiff_t ldz, real *W, ptrdiff_t N, real keep,  \
                                                 real scale) {                                    \
        vreal d[ROWS][HELD];                                                                      \
        UNROLLED for (int m = 0; m < ROWS; m++) {                                                 \
            UNROLLED for (int v = 0; v < HELD; v++) {                                             \
                d[m][v] = load(dZ + m * ldz + v * LANES) * scale;                           \
                IN_REGISTER(d[m][v]);                                                             \
            }                                                                                     \
        }                                                                                         \
        for (; rows > 0; rows--, x += HELD_ROWS, W += N) {                                        \
            vreal w[HELD];                                                                        \
            UNROLLED for (int v = 0; v < HELD; v++) w[v] = load(W + v * LANES) * keep;      \
            UNROLLED for (int m = 0; m < ROWS; m++) {                                             \
                vreal xm = splat(x[m]);                                                     \
                IN_REGISTER(xm);                                                                  \
                UNROLLED for (int v = 0; v < HELD; v++) w[v] = xm * d[m][v] + w[v];               \
            }                                                                                     \
            UNROLLED for (int v = 0; v < HELD; v++) store(W + v * LANES, w[v]);             \
        }                                                                                         \
    }
UP_TO_12(DEFINE_HELD)

INLINE void update_held(int M, ptrdiff_t rows, const real *x, const real *dZ, ptrdiff_t ldz, real *W,
                              ptrdiff_t N, real keep, real scale) {
#undef CALL
#define CALL(ROWS)                                                                                \
    case ROWS: update_held##ROWS(rows, x, dZ, ldz, W, N, keep, scale); break;
    switch (M) { UP_TO_12(CALL) }
}

/* In halves: a tree of shuffles. */
INLINE real sum_of_lanes(vreal v) {
#if defined(__AVX512F__) && REAL_BITS == 32
    return _mm512_reduce_add_ps((__m512)v);
#elif defined(__AVX512F__)
    return _mm512_reduce_add_pd((__m512d)v);
#else
    real lanes[LANES];
    store(lanes, v);
    for (int half = LANES / 2; half > 0; half /= 2) {
        for (int i = 0; i < half; i++) lanes[i] += lanes[i + half];
    }
    return lanes[0];
#endif
}
INLINE real largest_of_lanes(vreal v) {
#if defined(__AVX512F__) && REAL_BITS == 32
    return _mm512_reduce_max_ps((__m512)v);
#elif defined(__AVX512F__)
    return _mm512_reduce_max_pd((__m512d)v);
#else
    real lanes[LANES];
    store(lanes, v);
    for (int i = 1; i < LANES; i++) lanes[0] = lanes[i] > lanes[0] ? lanes[i] : lanes[0];
    return lanes[0];
#endif
}

/* Lane i of the result is the sum of the lanes of v[i], for LANES vectors. */
INLINE vreal sums_of_lanes(vreal *v) {
    UNROLLED for (int half = LANES / 2; half > 0; half /= 2) {
        UNROLLED for (int i = 0; i < half; i++) {
            const vuint a = (vuint)to_bits(v[i]), b = (vuint)to_bits(v[i + half]);
            v[i] = from_bits((vint)zip_low(a, b)) + from_bits((vint)zip_high(a, b));
        }
    }
    return v[0];
}

/* out[i * DOT_B + j] = the product of rows a[i] and b[j], n numbers long; room for DOTS numbers. */
#define DOTS ((DOT_A * DOT_B + LANES - 1) / LANES * LANES)
static NOINLINE void dots(ptrdiff_t n, const real *const *a, const real *const *b, real *out) {
    vreal sum[DOTS];
    UNROLLED for (int i = 0; i < DOTS; i++) sum[i] = splat(0);
    ptrdiff_t k = 0;
    for (; k + LANES <= n; k += LANES) {
        vreal y[DOT_B];
        UNROLLED for (int j = 0; j < DOT_B; j++) {
            y[j] = load(b[j] + k);
            IN_REGISTER(y[j]);
        }
        UNROLLED for (int i = 0; i < DOT_A; i++) {
            vreal x = load(a[i] + k);
            IN_REGISTER(x);
            UNROLLED for (int j = 0; j < DOT_B; j++) sum[i * DOT_B + j] = x * y[j] + sum[i * DOT_B + j];
        }
    }
    if (k < n) {
        UNROLLED for (int i = 0; i < DOT_A; i++) {
            const vreal x = load_part(a[i] + k, n - k);
            UNROLLED for (int j = 0; j < DOT_B; j++) {
                sum[i * DOT_B + j] = x * load_part(b[j] + k, n - k) + sum[i * DOT_B + j];
            }
        }
    }
    UNROLLED for (int i = 0; i < DOTS; i += LANES) store(out + i, sums_of_lanes(sum + i));
}
