/* The training kernels of one CPU level; setup.py compiles this file once per level, with FMA where
 * the level has it. */
#include "vec.h"
#include "program.h"
#include "table.h"
#include <math.h>
#define vuint_scalar uint32_t
#define REAL_BITS 32
#include "real.h"
#include "elementary.h"
#include "activate.h"
#include "gemm.h"
#include "user.h"
#include "product.h"
#include "update.h"
#include "losses.h"
#include "train.h"
#include "sparse.h"
#include "sparse_step.h"
#include "steps.h"
#undef REAL_BITS
#undef vuint_scalar
#define vuint_scalar uint64_t
#define REAL_BITS 64
#include "real.h"
#include "elementary.h"
#include "activate.h"
#include "gemm.h"
#include "user.h"
#include "product.h"
#include "update.h"
#include "losses.h"
#include "train.h"
#include "sparse.h"
#include "sparse_step.h"
#include "steps.h"

#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)
#define TABLE JOIN(minnet_kernels_, MINNET_LEVEL)
#define TRAIN(width) JOIN(JOIN(minnet_train_, width), JOIN(_, MINNET_LEVEL))
extern const minnet_kernels TABLE;

int64_t TRAIN(f32)(const minnet_network *network, const minnet_data *data, minnet_hyper *hyper,
                   int64_t n_params) {
    return train_steps_f32(network, data, hyper, n_params, TABLE.uniform_f32);
}

int64_t TRAIN(f64)(const minnet_network *network, const minnet_data *data, minnet_hyper *hyper,
                   int64_t n_params) {
    return train_steps_f64(network, data, hyper, n_params, TABLE.uniform_f32);
}

#define INFER(width) JOIN(JOIN(minnet_infer_, width), JOIN(_, MINNET_LEVEL))
int INFER(f32)(const minnet_network *network, const minnet_data *data, minnet_hyper *hyper, void *to) {
    return infer_f32(network, data, hyper, to);
}

int INFER(f64)(const minnet_network *network, const minnet_data *data, minnet_hyper *hyper, void *to) {
    return infer_f64(network, data, hyper, to);
}

#define GEMM(width) JOIN(JOIN(minnet_gemm_, width), JOIN(_, MINNET_LEVEL))
int GEMM(f32)(ptrdiff_t M, ptrdiff_t K, ptrdiff_t N, const void *A, ptrdiff_t lda, const void *B, void *to,
              int64_t n_threads) {
    minnet_hyper hyper = {.n_threads = n_threads};
    return gemm_f32(M, K, N, A, lda, B, to, &hyper);
}

int GEMM(f64)(ptrdiff_t M, ptrdiff_t K, ptrdiff_t N, const void *A, ptrdiff_t lda, const void *B, void *to,
              int64_t n_threads) {
    minnet_hyper hyper = {.n_threads = n_threads};
    return gemm_f64(M, K, N, A, lda, B, to, &hyper);
}
