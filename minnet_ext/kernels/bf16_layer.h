/* A dense layer in a step whose three products are in bfloat16: see bf16.h.
 *
 * W, bias, activation, gradients and all that an optimizer keeps are in float32; only what goes
 * into a product is rounded, on its way there. Sums run in one order for any number of rows and of
 * threads, as those of product.h.
 *
 * What the threads share is made by all of them together: the batch in pairs along the sum, rows of
 * a tile side by side (forward: X, backward: dZ), and dZ in pairs of rows, a panel of NR columns
 * after the other. What of W or of X a thread multiplies that with, it makes for itself.
 */
#ifndef MINNET_BF16_LAYER_H
#define MINNET_BF16_LAYER_H

#include "dense_layer.h"

#if REAL_BITS == 32

#include "bf16.h"
#include "entry.h"

extern const minnet_bf16 OF_LEVEL(bf16_emulated);
#ifdef MINNET_HAVE_BF16 /* only v4 is compiled so */
extern const minnet_bf16 OF_LEVEL(bf16_instruction);
#endif

INLINE int is_bf16_layer(const step_context *c, ptrdiff_t i) {
    return c->net->layers[i].precision != PRECISION_OWN;
}

INLINE const minnet_bf16 *bf16_of(const minnet_layer *layer) {
#ifdef MINNET_HAVE_BF16
    if (layer->precision == PRECISION_BF16 && __builtin_cpu_supports("avx512bf16")) {
        return &OF_LEVEL(bf16_instruction);
    }
#endif
    (void)layer;
    return &OF_LEVEL(bf16_emulated);
}

/* How many of K terms are summed up at a time; see block_of. */
INLINE ptrdiff_t bf16_block_of(ptrdiff_t K) {
    const ptrdiff_t blocks = (K + BF16_BLOCK - 1) / BF16_BLOCK;
    return ((K + blocks - 1) / blocks + 1) / 2 * 2;
}

/* Pairs of the rows of A, M x K: for each block of K the tiles of rows, one after the other. */
static void bf16_batch(step_context *c, const minnet_bf16 *bf16, ptrdiff_t K, const real *A,
                       ptrdiff_t lda) {
    const ptrdiff_t most = bf16_block_of(K), all = BF16_ROWS(c->M);
    ptrdiff_t begin, end;
    share(c->M, MR, c->t, c->T, &begin, &end);
    for (ptrdiff_t k = 0; k < K; k += most) {
        const ptrdiff_t depth = K - k < most ? K - k : most, pairs = (depth + 1) / 2;
        for (ptrdiff_t m = begin; m < end; m += MR) {
            const ptrdiff_t some = end - m < MR ? end - m : MR;
            bf16->rows(A + m * lda + k, lda, depth, some, MR,
                       c->w->pairs + k / 2 * all + m * pairs);
        }
    }
}

/* Columns [n0, n1) of C = A B, or A B^T (turned); A is what bf16_batch has made of it. Then what f
 * says. */
static void bf16_product(const step_context *c, const minnet_bf16 *bf16, ptrdiff_t K, const real *B,
                         ptrdiff_t ldb, int turned, real *C, ptrdiff_t ldc, const minnet_finish *f,
                         ptrdiff_t n0, ptrdiff_t n1) {
    const ptrdiff_t most = bf16_block_of(K), M = c->M, all = BF16_ROWS(M);
    uint32_t *panel = (uint32_t *)c->scratch;
    real sums[MR * NR];
    for (ptrdiff_t k = 0; k < K; k += most) {
        const ptrdiff_t depth = K - k < most ? K - k : most, pairs = (depth + 1) / 2;
        for (ptrdiff_t n = n0; n < n1; n += NR) {
            const ptrdiff_t width = n1 - n < NR ? n1 - n : NR;
            if (turned) bf16->rows(B + n * ldb + k, ldb, depth, width, NR, panel);
            else bf16->columns(B + k * ldb + n, ldb, depth, width, NR, panel);
            for (ptrdiff_t m = 0; m < M; m += MR) {
                const int rows = M - m < MR ? (int)(M - m) : MR;
                for (int i = 0; i < rows; i++) {
                    PREFETCH_TO_WRITE(C + (m + i) * ldc + n);
                    PREFETCH_TO_WRITE(C + (m + i) * ldc + n + LANES);
                }
                bf16->tile(rows, width, pairs, c->w->pairs + k / 2 * all + m * pairs, panel, sums);
                for (int i = 0; i < rows; i++) {
                    real *to = C + (m + i) * ldc + n;
                    for (int j = 0; j < width; j += LANES) {
                        const vreal sum = load(sums + i * NR + j);
                        store(to + j, k > 0 ? load(to + j) + sum : sum);
                    }
                }
            }
            if (k + depth == K) finish(f, C, ldc, 0, M, n, width);
        }
    }
}

/* Pairs of the columns of dZ, a panel after the other. */
static void bf16_gradient(step_context *c, const minnet_bf16 *bf16, ptrdiff_t N, const real *dZ,
                          ptrdiff_t ldz) {
    const ptrdiff_t pairs = (c->M + 1) / 2;
    ptrdiff_t begin, end;
    share(N, NR, c->t, c->T, &begin, &end);
    for (ptrdiff_t n = begin; n < end; n += NR) {
        const ptrdiff_t width = end - n < NR ? end - n : NR;
        bf16->columns(dZ + n, ldz, c->M, width, NR, c->w->gradient_pairs + n * pairs);
    }
}

/* `rows` rows of W and `width` columns take a step with the gradient in sums; or it goes to G. */
INLINE void bf16_update_tile(const minnet_step *s, const real *sums, int rows, ptrdiff_t width,
                             ptrdiff_t N, real *W, real *V, real *Mo, real *G) {
    for (int i = 0; i < rows; i++) {
        for (int j = 0; j < width; j += LANES) {
            const ptrdiff_t part = width - j, o = i * N + j;
            const vreal g = load(sums + i * NR + j);
            if (G) store_part(G + o, g, part);
            else update_vector(s, g, W + o, V ? V + o : NULL, Mo ? Mo + o : NULL, part);
        }
    }
}

/* Rows [k0, k1) of W take a step with X^T dZ; dZ is what bf16_gradient has made of it. */
static void bf16_update(const step_context *c, const minnet_bf16 *bf16, const minnet_step *s,
                        ptrdiff_t N, const real *X, ptrdiff_t ldx, real *W, real *V, real *Mo,
                        real *G, ptrdiff_t k0, ptrdiff_t k1) {
    const ptrdiff_t pairs = (c->M + 1) / 2;
    uint32_t *strip = (uint32_t *)c->scratch;
    real sums[MR * NR];
    for (ptrdiff_t kb = k0; kb < k1; kb += BF16_UPDATE_ROWS) {
        const ptrdiff_t ke = k1 - kb < BF16_UPDATE_ROWS ? k1 : kb + BF16_UPDATE_ROWS;
        for (ptrdiff_t k = kb; k < ke; k += MR) {
            const ptrdiff_t rows = ke - k < MR ? ke - k : MR;
            bf16->columns(X + k, ldx, c->M, rows, MR, strip + (k - kb) * pairs);
        }
        for (ptrdiff_t n = 0; n < N; n += NR) {
            const ptrdiff_t width = N - n < NR ? N - n : NR;
            for (ptrdiff_t k = kb; k < ke; k += MR) {
                const int rows = ke - k < MR ? (int)(ke - k) : MR;
                const ptrdiff_t at = k * N + n;
                fetch_for_update(rows, N, W + at, V ? V + at : NULL, Mo ? Mo + at : NULL);
                bf16->tile(rows, width, pairs, strip + (k - kb) * pairs,
                           c->w->gradient_pairs + n * pairs, sums);
                bf16_update_tile(s, sums, rows, width, N, W + at, V ? V + at : NULL,
                                 Mo ? Mo + at : NULL, G ? G + at : NULL);
            }
        }
    }
}

/* What the threads share is there; predictions have a thread for each batch. */
INLINE void bf16_wait(step_context *c) {
    if (c->T > 1) wait_for_all(c);
}

static void bf16_layer_forward(step_context *c, ptrdiff_t i) {
    const minnet_layer *layer = &c->net->layers[i];
    const minnet_bf16 *bf16 = bf16_of(layer);
    const layer_buffers *in = &c->w->at[i], *out = &c->w->at[i + 1];
    const ptrdiff_t K = (ptrdiff_t)layer->n_in, N = (ptrdiff_t)layer->n_out;
    const minnet_finish finish = {layer, params_at(c, layer->bias), out->Z, out->Y, out->ld};
    ptrdiff_t begin, end;
    bf16_batch(c, bf16, K, in->Y, in->ld);
    bf16_wait(c);
    share(N, NR, c->t, c->T, &begin, &end);
    bf16_product(c, bf16, K, params_at(c, layer->weight), N, 0, out->Z, out->ld, &finish, begin,
                 end);
}

static void bf16_layer_backward(step_context *c, ptrdiff_t i) {
    const minnet_layer *layer = &c->net->layers[i];
    const minnet_bf16 *bf16 = bf16_of(layer);
    const layer_buffers *in = &c->w->at[i], *out = &c->w->at[i + 1];
    const ptrdiff_t K = (ptrdiff_t)layer->n_in, N = (ptrdiff_t)layer->n_out;
    const ptrdiff_t w = (ptrdiff_t)layer->weight;
    const minnet_step step = step_of(c, layer, 1, c->l2);
    real *W = params_at(c, w), *G = state_at(c->w->grads, w);
    real *V = state_at(c->hyper->V, w), *Mo = state_at(c->hyper->M, w);
    ptrdiff_t begin, end;
    share(N, NR, c->t, c->T, &begin, &end);
    step_of_bias(c, i, begin, end);
    if (i > 0) bf16_batch(c, bf16, N, out->d, out->ld);
    if (layer->trainable) bf16_gradient(c, bf16, N, out->d, out->ld);
    bf16_wait(c);
    share(K, NR, c->t, c->T, &begin, &end);
    /* a block's rows of W are still in a cache when they are updated */
    const ptrdiff_t some = c->M > PACK_ROWS ? end - begin : c->M > FEW_ROWS ? 4 * NR : NR;
    for (ptrdiff_t k = begin; k < end; k += some) {
        const ptrdiff_t k1 = k + some < end ? k + some : end;
        if (c->l2 != 0) row_squares(W, N, c->w->partial + c->n_squares, k, k1);
        if (i > 0) {
            const minnet_finish finish = {layer - 1, NULL, in->Z, in->Y, in->ld};
            bf16_product(c, bf16, N, W, N, 1, in->d, in->ld, &finish, k, k1);
        }
        if (layer->trainable) {
            bf16_update(c, bf16, &step, N, in->Y, in->ld, W, V, Mo, G, k, k1);
        }
    }
    if (c->l2 != 0) c->n_squares += (K + NR - 1) / NR;
}

#else /* networks in float64 have none */

INLINE int is_bf16_layer(const step_context *c, ptrdiff_t i) {
    (void)c, (void)i;
    return 0;
}
#define bf16_layer_forward(c, i)  ((void)0)
#define bf16_layer_backward(c, i) ((void)0)

#endif
#endif
