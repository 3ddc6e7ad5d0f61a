/* The table of one CPU level: its kernels by name.  setup.py compiles this file once per level. */
#include "entry.h"

#define TEXT_(a) #a
#define TEXT(a)  TEXT_(a)

const minnet_kernels OF_LEVEL(kernels) = {
    .name = TEXT(MINNET_LEVEL),
    .words = OF_LEVEL(words),
    .uniform_f32 = OF_LEVEL(uniform_f32),
    .uniform_f64 = OF_LEVEL(uniform_f64),
    .normal_f32 = OF_LEVEL(normal_f32),
    .normal_f64 = OF_LEVEL(normal_f64),
    .truncated_f32 = OF_LEVEL(truncated_f32),
    .truncated_f64 = OF_LEVEL(truncated_f64),
    .train_f32 = OF_LEVEL(train_f32),
    .train_f64 = OF_LEVEL(train_f64),
    .infer_f32 = OF_LEVEL(infer_f32),
    .infer_f64 = OF_LEVEL(infer_f64),
    .gemm_f32 = OF_LEVEL(gemm_f32),
    .gemm_f64 = OF_LEVEL(gemm_f64),
    .members_f32 = OF_LEVEL(members_f32),
    .members_f64 = OF_LEVEL(members_f64),
    .score_f32 = OF_LEVEL(score_f32),
    .score_f64 = OF_LEVEL(score_f64),
};
