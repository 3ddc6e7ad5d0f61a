/* The steps of training, all in one call: gather, forward, loss, backward and update.
 *
 * Threads split columns going forward and rows of W going backward, at multiples of tiles; no sum is
 * split, so that any number of threads gives the same bits.  Going backward, a block of NR rows of W
 * gives its part of dX first and is updated right after, while it is still in the cache.
 *
 * Included once for each width of real.h.
 */
#ifndef MINNET_TRAIN_H
#define MINNET_TRAIN_H
#include <stdlib.h>
#ifdef _OPENMP
#include <omp.h>
#define PARALLEL _Pragma("omp parallel num_threads(hyper->n_threads)")
#else
#define PARALLEL
static int omp_get_thread_num(void) { return 0; }
static int omp_get_num_threads(void) { return 1; }
#endif
#if defined(__GNUC__) && !defined(_WIN32)
#include <sched.h>
/* Threads wait for each other by looking at a counter. A wait is short where each thread has a CPU, so
 * it spins at first; then it offers its CPU, since the thread waited for may be in need of it. */
typedef struct {
    int arrived, round;
} minnet_barrier;
static void minnet_wait(minnet_barrier *b, int T) {
    if (T == 1) return;
    int round = __atomic_load_n(&b->round, __ATOMIC_ACQUIRE);
    if (__atomic_add_fetch(&b->arrived, 1, __ATOMIC_ACQ_REL) == T) {
        __atomic_store_n(&b->arrived, 0, __ATOMIC_RELAXED);
        __atomic_store_n(&b->round, round + 1, __ATOMIC_RELEASE);
        return;
    }
    for (int spins = 0; __atomic_load_n(&b->round, __ATOMIC_ACQUIRE) == round; spins++) {
        if (spins < 1000) {
#ifdef __SSE2__
            __builtin_ia32_pause();
#endif
        } else {
            sched_yield();
        }
    }
}
#define BARRIER_OF(b) minnet_wait(b, T);
#elif defined(_OPENMP)
typedef int minnet_barrier;
#define BARRIER_OF(b) _Pragma("omp barrier")
#else
typedef int minnet_barrier;
#define BARRIER_OF(b)
#endif
#define BARRIER BARRIER_OF(&barrier)
#ifdef __SANITIZE_ADDRESS__ /* what lies in one block of memory is kept apart: `make sanitize` */
#include <sanitizer/asan_interface.h>
#define GAP 16
#define GUARD(gap) ASAN_POISON_MEMORY_REGION(gap, GAP * sizeof(*(gap)))
#else
#define GAP 0
#define GUARD(gap) ((void)0)
#endif
#define SQUARES_PIECE 4096
#define DOT_ROWS 24 /* up to so many rows dX is made of products of rows */
#define BLOCK_K 512 /* rows of a packed panel: NR columns of it stay in the first-level cache */

/* The share of thread t of T in n things that come in groups of `group`. */
INLINE void share(ptrdiff_t n, ptrdiff_t group, int t, int T, ptrdiff_t *begin, ptrdiff_t *end) {
    ptrdiff_t groups = (n + group - 1) / group;
    *begin = groups * t / T * group;
    *end = groups * (t + 1) / T * group;
    if (*end > n) *end = n;
}
INLINE ptrdiff_t padded(ptrdiff_t n) {
    /* whole tiles of either width, but no multiple of 4096 bytes, where rows fall on each other in
     * the first-level cache */
    ptrdiff_t p = (n + 31) / 32 * 32;
    return p % 512 == 0 ? p + 32 : p;
}
#endif

/* Z[0..M) x [n0..n1) = X W + b, Y = f(Z). */
static void NAME(dense_forward)(ptrdiff_t M, ptrdiff_t K, ptrdiff_t N, const real *X, ptrdiff_t ldx,
                                const real *W, const real *b, real *Z, real *Y, ptrdiff_t ld,
                                int activation, real parameter, real *scratch, ptrdiff_t n0,
                                ptrdiff_t n1) {
    real *tile = scratch, *panel = scratch + MR * NR;
    for (ptrdiff_t n = n0; n < n1; n += NR) {
        ptrdiff_t width = N - n < NR ? N - n : NR;
        real bias[NR] = {0};
        memcpy(bias, b + n, (size_t)width * sizeof(real));
        for (ptrdiff_t k = 0; k < K; k += BLOCK_K) {
            ptrdiff_t depth = K - k < BLOCK_K ? K - k : BLOCK_K;
            int first = k == 0, last = k + depth == K;
            const real *B = W + k * N + n;
            ptrdiff_t step = N, ahead = n + 2 * NR <= N ? NR : 0; /* W's next columns: 20% on skinny batches */
            if (width < NR || M > 2 * MR) {
                for (ptrdiff_t i = 0; i < depth; i++) {
                    if (width == NR) {
                        memcpy(panel + i * NR, B + i * N, NR * sizeof(real));
                    } else {
                        memset(panel + i * NR, 0, NR * sizeof(real));
                        memcpy(panel + i * NR, B + i * N, (size_t)width * sizeof(real));
                    }
                }
                B = panel;
                step = NR;
                ahead = 0;
            }
            for (ptrdiff_t m = 0; m < M; m += MR) {
                int rows = M - m < MR ? (int)(M - m) : MR;
                if (!first) {
                    for (int i = 0; i < rows; i++) {
                        memcpy(tile + i * NR, Z + (m + i) * ld + n, NR * sizeof(real));
                    }
                }
                NAME(tile)(rows, width, depth, X + m * ldx + k, ldx, 1, B, step, ahead, tile, NR,
                           first ? TILE_STORE : TILE_ADD, 0, 0);
                for (int i = 0; i < rows; i++) {
                    real *z = Z + (m + i) * ld + n;
                    for (int j = 0; j < width; j += LANES) {
                        vreal v = NAME(load)(tile + i * NR + j);
                        if (last) v = v + NAME(load)(bias + j);
                        NAME(store)(z + j, v);
                    }
                    if (last) NAME(activate)(activation, parameter, z, Y + (m + i) * ld + n, width);
                }
            }
        }
    }
}

/* dX[0..M) x [k0..k1) = dZ W^T, times the derivative of the layer below. */
static void NAME(dense_backward)(ptrdiff_t M, ptrdiff_t N, const real *dZ, ptrdiff_t ldz, const real *W,
                                 real *dX, ptrdiff_t ldx, real *scratch, ptrdiff_t k0, ptrdiff_t k1) {
    real *tile = scratch, *panel = scratch + MR * NR;
    ptrdiff_t width = k1 - k0;
    if (M <= DOT_ROWS && N >= 8 * LANES) {
        /* Few rows: turning W around would cost more than the product. */
        for (ptrdiff_t k = k0; k < k1; k += DOT_B) {
            for (ptrdiff_t m = 0; m < M; m += DOT_A) {
                const real *a[DOT_A], *b[DOT_B];
                for (int i = 0; i < DOT_A; i++) a[i] = dZ + (m + i < M ? m + i : M - 1) * ldz;
                for (int j = 0; j < DOT_B; j++) b[j] = W + (k + j < k1 ? k + j : k1 - 1) * N;
                NAME(dots)(N, a, b, tile);
                for (int i = 0; i < DOT_A && m + i < M; i++) {
                    for (int j = 0; j < DOT_B && k + j < k1; j++) dX[(m + i) * ldx + k + j] = tile[i * DOT_B + j];
                }
            }
        }
        return;
    }
    for (ptrdiff_t n = 0; n < N; n += BLOCK_K) {
        ptrdiff_t depth = N - n < BLOCK_K ? N - n : BLOCK_K;
        if (width < NR) memset(panel, 0, (size_t)(depth * NR) * sizeof(real));
        for (ptrdiff_t r = 0; r < width; r++) {
            const real *w = W + (k0 + r) * N + n;
            for (ptrdiff_t i = 0; i < depth; i++) panel[i * NR + r] = w[i];
        }
        for (ptrdiff_t m = 0; m < M; m += MR) {
            int rows = M - m < MR ? (int)(M - m) : MR;
            if (n > 0) {
                for (int i = 0; i < rows; i++) {
                    memcpy(tile + i * NR, dX + (m + i) * ldx + k0, NR * sizeof(real));
                }
            }
            NAME(tile)(rows, width, depth, dZ + m * ldz + n, ldz, 1, panel, NR, 0, tile, NR,
                       n == 0 ? TILE_STORE : TILE_ADD, 0, 0);
            for (int i = 0; i < rows; i++) {
                memcpy(dX + (m + i) * ldx + k0, tile + i * NR, NR * sizeof(real));
            }
        }
    }
}

/* Rows [k0..k1) of W take a step with X^T dZ; or the gradient goes to G. */
static void NAME(dense_update)(const minnet_step *s, ptrdiff_t M, ptrdiff_t N, const real *X,
                               ptrdiff_t ldx, const real *dZ, ptrdiff_t ldz, real *W, real *V, real *Mo,
                               real *G, real *scratch, ptrdiff_t k0, ptrdiff_t k1) {
    real *tile = scratch;
    const int plain = !G && !V && s->clip_value == INFINITY;
    const real keep = (real)(s->decay - s->rate * s->l2), scale = (real)-s->rate;
    for (ptrdiff_t k = k0; k < k1; k += MR) {
        int rows = k1 - k < MR ? (int)(k1 - k) : MR;
        for (ptrdiff_t n = 0; n < N; n += NR) { /* along the rows of W, as they lie in memory */
            real *w = W + k * N + n;
            if (plain && n + NR <= N) { /* W += -rate X^T dZ, in the tile itself */
                for (int i = 0; i < rows; i++) { /* the next block of rows: 5% of a step */
                    PREFETCH(w + (k1 - k0 + i) * N);
                    PREFETCH(w + (k1 - k0 + i) * N + LANES);
                }
                NAME(tile)(rows, NR, M, X + k, 1, ldx, dZ + n, ldz, 0, w, N, TILE_UPDATE, keep, scale);
                continue;
            }
            NAME(tile)(rows, N - n, M, X + k, 1, ldx, dZ + n, ldz, 0, tile, NR, TILE_STORE, 0, 0);
            for (int i = 0; i < rows; i++) {
                const ptrdiff_t at = (k + i) * N + n;
                for (int j = 0; j < NR && n + j < N; j += LANES) {
                    const int part = N - n - j < LANES ? (int)(N - n - j) : LANES;
                    vreal g = NAME(load)(tile + i * NR + j);
                    if (G) {
                        memcpy(G + at + j, &g, (size_t)part * sizeof(real));
                    } else if (plain) {
                        vreal v = NAME(splat)(0);
                        memcpy(&v, W + at + j, (size_t)part * sizeof(real));
                        v = v * keep + g * scale;
                        memcpy(W + at + j, &v, (size_t)part * sizeof(real));
                    } else {
                        NAME(update_vector)(s, g, W + at + j, V ? V + at + j : NULL,
                                            Mo ? Mo + at + j : NULL, part);
                    }
                }
            }
        }
    }
}
