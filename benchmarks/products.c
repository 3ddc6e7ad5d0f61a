/* The products of one layer alone, on one thread: how NOTES.md measures changes of the kernels.
 *
 *     gcc -O3 -fno-math-errno -fno-trapping-math -ffp-contract=fast -fopenmp -mavx2 -mfma -mbmi -mbmi2 \
 *         -mavx512f -mavx512bw -mavx512dq -mavx512vl \
 *         -Iminnet_ext/kernels -DMINNET_LEVEL=v4 -DREAL_BITS=32 -w benchmarks/products.c -o /tmp/products -lm
 *     /tmp/products 10 1000 1000 2      # rows of the batch, fan_in, fan_out, activation (program.h)
 *
 * Without the second line of flags: AVX2.  Prints the least time of 15 bursts, and Gflop/s.
 */
#include "dense.h"
#include "workspace.h"
#include <math.h>
#include <stdio.h>
#include <time.h>

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static float *numbers(size_t n) {
    float *p = aligned_alloc(64, (n * sizeof *p + 4159) / 64 * 64);
    for (size_t i = 0; i < n + 64; i++) p[i] = (float)((int)((uint32_t)i * 2654435761u >> 16) % 1000 - 500) * 1e-4f;
    return p;
}

int main(int count, char **given) {
    if (count < 4) return 1;
    const ptrdiff_t M = atoi(given[1]), K = atoi(given[2]), N = atoi(given[3]), lx = padded(K), lz = padded(N);
    const int activation = count > 4 ? atoi(given[4]) : ACT_RELU;
    float *X = numbers((size_t)(M * lx)), *W = numbers((size_t)(K * N)), *b = numbers((size_t)N);
    float *Z = numbers((size_t)(M * lz)), *dZ = numbers((size_t)(M * lz)), *dX = numbers((size_t)(M * lx));
    float *scratch = numbers((size_t)PRODUCT_SCRATCH(M));
    const minnet_layer layer = {.activation = activation};
    const minnet_finish forward = {&layer, b, Z, Z, lz}, backward = {&layer, NULL, X, X, lx};
    const minnet_step step = {.clip_value = INFINITY, .rate = 1e-6, .decay = 1, .l2 = 1e-9};
    const double flops = 2.0 * (double)M * (double)K * (double)N;
    const ptrdiff_t some = rows_together(1, M, N, K); /* as dense_layer.h does */
    const int times = (int)(2e8 / flops) + 3;
    const char *names[] = {"forward", "dX", "update", "dX and update"};
    double least[4] = {INFINITY, INFINITY, INFINITY, INFINITY};
    for (int burst = 0; burst < 15; burst++) {
        for (int what = 0; what < 4; what++) {
            const double began = now();
            for (int i = 0; i < times; i++) {
                if (what == 0) dense_forward(M, K, N, X, lx, W, Z, lz, &forward, scratch, 0, N);
                for (ptrdiff_t k = 0; k < K && what > 0; k += some) {
                    const ptrdiff_t k1 = k + some < K ? k + some : K;
                    if (what != 2) dense_backward(1, M, N, dZ, lz, W, dX, lx, &backward, scratch, k, k1);
                    if (what != 1) dense_update(&step, 0, M, N, X, lx, dZ, lz, W, NULL, NULL, NULL, k, k1, N);
                }
            }
            const double seconds = (now() - began) / times;
            if (seconds < least[what]) least[what] = seconds;
        }
    }
    for (int what = 0; what < 4; what++) {
        printf("%-14s %10.2f us %5.0f Gflop/s\n", names[what], least[what] * 1e6,
               flops * (what == 3 ? 2 : 1) / least[what] * 1e-9);
    }
    return 0;
}
