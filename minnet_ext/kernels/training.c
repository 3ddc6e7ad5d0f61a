/* The training kernels of one width and CPU level; setup.py compiles this file with FMA where the
 * level has it. */
#include "entry.h"
#include "infer.h"
#include "members.h"
#include "steps.h"
#if REAL_BITS == 64
#include "score.h"
#endif

int64_t ENTRY(train)(const minnet_network *network, const minnet_data *data, minnet_hyper *hyper,
                     int64_t n_params) {
    return train_steps(network, data, hyper, n_params, OF_LEVEL(uniform_f32));
}

int ENTRY(infer)(const minnet_network *network, const minnet_data *data, minnet_outputs *outputs,
                 void *to) {
    return infer(network, data, outputs, to);
}

void ENTRY(members)(minnet_member *members, int64_t n, int64_t most, char *memory, int64_t bytes,
                    int64_t n_threads) {
    advance_members(members, n, most, memory, bytes, (int)n_threads, OF_LEVEL(uniform_f32),
                    OF_LEVEL(words));
}

int ENTRY(score)(minnet_member *member, double *score, double *loss) {
    return score_held(member, score, loss);
}

#if REAL_BITS == 64
void OF_LEVEL(refine)(const minnet_logits *logits, double *refined, double *plain) {
    refine(logits, refined, plain);
}
#endif

/* C = A B, M x K x N, all with contiguous columns: the forward product alone, to be measured. */
int ENTRY(gemm)(ptrdiff_t M, ptrdiff_t K, ptrdiff_t N, const void *A, ptrdiff_t lda, const void *B,
                void *to, int64_t threads) {
    const ptrdiff_t size = PRODUCT_SCRATCH(M) + M * NR, whole = N / NR * NR;
    const int n_threads = (int)threads;
    real *C = to, *memory = malloc((size_t)(size * n_threads) * sizeof(real));
    if (!memory) return -1;
    PARALLEL
    {
        const int t = omp_get_thread_num(), T = omp_get_num_threads();
        real *scratch = memory + t * size, *edge = scratch + PRODUCT_SCRATCH(M);
        ptrdiff_t begin, end;
        share(whole, NR, t, T, &begin, &end);
        dense_forward(M, K, N, A, lda, B, C, N, NULL, scratch, begin, end);
        if (t == T - 1 && whole < N) { /* a tile writes whole vectors, which C has no room for */
            product(M, K, A, lda, (const real *)B + whole, N, 0, edge, NR, NULL, scratch, 0,
                    N - whole);
            for (ptrdiff_t m = 0; m < M; m++) {
                memcpy(C + m * N + whole, edge + m * NR, (size_t)(N - whole) * sizeof(real));
            }
        }
    }
    free(memory);
    return 0;
}
