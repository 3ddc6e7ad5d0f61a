/* Products of small matrices: one micro-kernel, used forward, backward and for the update.
 *
 * tile() multiplies up to MR rows of A with NR = 2 vectors of columns of B and leaves the sums in
 * `out`, MR rows of NR numbers.  A is read one number at a time through two strides, so it may be
 * transposed; B is read a vector at a time, row by row.  Every sum runs over k in one order, in one
 * register, so the bits do not depend on how rows and columns are split among tiles and threads.
 *
 * Included once for each width of real.h.
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
#if defined(__GNUC__)
#define NOINLINE __attribute__((noinline))
#else
#define NOINLINE
#endif
#endif

#undef NR
#define NR (2 * LANES)

#undef TILE_STEP
#define TILE_STEP(ROWS, VECTORS)                                                                  \
    {                                                                                             \
        vreal b0 = NAME(load)(b), b1 = NAME(load)(b + (VECTORS - 1) * LANES);                     \
        IN_REGISTER(b0);                                                                          \
        IN_REGISTER(b1);                                                                          \
        for (int i = 0; i < ROWS; i++) {                                                          \
            vreal x = NAME(splat)(a[i * a_row]);                                                  \
            IN_REGISTER(x);                                                                       \
            sum0[i] = x * b0 + sum0[i];                                                           \
            if (VECTORS == 2) sum1[i] = x * b1 + sum1[i];                                         \
        }                                                                                         \
        a += a_step;                                                                              \
        b += b_step;                                                                              \
    }

/* ROWS rows of A with VECTORS vectors of columns of B; `out` is the start where first is 0. */
#undef DEFINE_TILE
#define DEFINE_TILE(ROWS, VECTORS)                                                                \
    static NOINLINE void NAME(tile##ROWS##x##VECTORS)(ptrdiff_t n, const real *a, ptrdiff_t a_row, \
                                                      ptrdiff_t a_step, const real *b,            \
                                                      ptrdiff_t b_step, real *out, int first) {   \
        vreal sum0[ROWS], sum1[ROWS];                                                             \
        for (int i = 0; i < ROWS; i++) {                                                          \
            sum0[i] = first ? NAME(splat)(0) : NAME(load)(out + i * NR);                          \
            sum1[i] = first || VECTORS == 1 ? NAME(splat)(0) : NAME(load)(out + i * NR + LANES);  \
        }                                                                                         \
        for (; n >= 4; n -= 4) {                                                                  \
            TILE_STEP(ROWS, VECTORS)                                                              \
            TILE_STEP(ROWS, VECTORS)                                                              \
            TILE_STEP(ROWS, VECTORS)                                                              \
            TILE_STEP(ROWS, VECTORS)                                                              \
        }                                                                                         \
        for (; n > 0; n--) TILE_STEP(ROWS, VECTORS)                                               \
        for (int i = 0; i < ROWS; i++) {                                                          \
            NAME(store)(out + i * NR, sum0[i]);                                                   \
            if (VECTORS == 2) NAME(store)(out + i * NR + LANES, sum1[i]);                         \
        }                                                                                         \
    }

#undef ALL_ROWS
#if MR > 6
#define ALL_ROWS(DO) DO(1) DO(2) DO(3) DO(4) DO(5) DO(6) DO(7) DO(8) DO(9) DO(10) DO(11) DO(12)
#else
#define ALL_ROWS(DO) DO(1) DO(2) DO(3) DO(4) DO(5) DO(6)
#endif
#undef DEFINE_BOTH
#define DEFINE_BOTH(ROWS) DEFINE_TILE(ROWS, 1) DEFINE_TILE(ROWS, 2)
ALL_ROWS(DEFINE_BOTH)

/* Only the first `width` columns are wanted; narrow tiles leave the second vector of `out` alone. */
INLINE void NAME(tile)(int rows, ptrdiff_t width, ptrdiff_t n, const real *a, ptrdiff_t a_row,
                       ptrdiff_t a_step, const real *b, ptrdiff_t b_step, real *out, int first) {
#undef CALL
#define CALL(ROWS)                                                                                \
    case ROWS:                                                                                    \
        if (width > LANES) NAME(tile##ROWS##x2)(n, a, a_row, a_step, b, b_step, out, first);      \
        else NAME(tile##ROWS##x1)(n, a, a_row, a_step, b, b_step, out, first);                    \
        break;
    switch (rows) { ALL_ROWS(CALL) }
}
