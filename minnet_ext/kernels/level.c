/* All kernels of one CPU level, and its table.  setup.py compiles this file once per level, with
 * the level's compiler flags and -DMINNET_LEVEL=its name, and without contraction of a * b + c to
 * FMA, so that the bits of a draw do not depend on the level.
 */
#include "vec.h"

#include "philox.h"

#define REAL_BITS 32
#include "real.h"
#include "elementary.h"
#undef REAL_BITS
#define REAL_BITS 64
#include "real.h"
#include "elementary.h"
#include "ndtri.h"

#undef REAL_BITS
#define REAL_BITS 32
#include "real.h"
#include "laws.h"
#undef REAL_BITS
#define REAL_BITS 64
#include "real.h"
#include "laws.h"

#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)
#define TEXT_(a) #a
#define TEXT(a) TEXT_(a)

/* in training.c */
#define TRAIN(width) JOIN(JOIN(minnet_train_, width), JOIN(_, MINNET_LEVEL))
int64_t TRAIN(f32)(const minnet_network *, const minnet_data *, minnet_hyper *, int64_t);
int64_t TRAIN(f64)(const minnet_network *, const minnet_data *, minnet_hyper *, int64_t);
#define INFER(width) JOIN(JOIN(minnet_infer_, width), JOIN(_, MINNET_LEVEL))
int INFER(f32)(const minnet_network *, const minnet_data *, minnet_hyper *, void *);
int INFER(f64)(const minnet_network *, const minnet_data *, minnet_hyper *, void *);
#define GEMM(width) JOIN(JOIN(minnet_gemm_, width), JOIN(_, MINNET_LEVEL))
int GEMM(f32)(ptrdiff_t, ptrdiff_t, ptrdiff_t, const void *, ptrdiff_t, const void *, void *, int64_t);
int GEMM(f64)(ptrdiff_t, ptrdiff_t, ptrdiff_t, const void *, ptrdiff_t, const void *, void *, int64_t);

const minnet_kernels JOIN(minnet_kernels_, MINNET_LEVEL) = {
    .name = TEXT(MINNET_LEVEL),
    .words = fill_words,
    .uniform_f32 = fill_uniform_f32,
    .uniform_f64 = fill_uniform_f64,
    .normal_f32 = fill_normal_f32,
    .normal_f64 = fill_normal_f64,
    .truncated_f32 = fill_truncated_f32,
    .truncated_f64 = fill_truncated_f64,
    .train_f32 = TRAIN(f32),
    .train_f64 = TRAIN(f64),
    .infer_f32 = INFER(f32),
    .infer_f64 = INFER(f64),
    .gemm_f32 = GEMM(f32),
    .gemm_f64 = GEMM(f64),
};
