/* The training kernels of one width and CPU level; setup.py compiles this file with FMA where the
 * level has it. */
#include "vec.h"

#include "entry.h"
#include <math.h>

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

int64_t ENTRY(train)(const minnet_network *network, const minnet_data *data, minnet_hyper *hyper,
                     int64_t n_params) {
    return train_steps(network, data, hyper, n_params, OF_LEVEL(uniform_f32));
}

int ENTRY(infer)(const minnet_network *network, const minnet_data *data, minnet_hyper *hyper, void *to) {
    return infer(network, data, hyper, to);
}

int ENTRY(gemm)(ptrdiff_t M, ptrdiff_t K, ptrdiff_t N, const void *A, ptrdiff_t lda, const void *B, void *to,
                int64_t n_threads) {
    minnet_hyper hyper = {.n_threads = n_threads};
    return gemm(M, K, N, A, lda, B, to, &hyper);
}
