/* The names of what other units call, by level and (ENTRY) width: minnet_train_f32_v4. */
#ifndef MINNET_ENTRY_H
#define MINNET_ENTRY_H

#include "table.h"

#define JOIN_(a, b)    a##b
#define JOIN(a, b)     JOIN_(a, b)
#define OF_LEVEL(name) JOIN(minnet_##name##_, MINNET_LEVEL)
#if REAL_BITS == 32
#define ENTRY(name) OF_LEVEL(name##_f32)
#else
#define ENTRY(name) OF_LEVEL(name##_f64)
#endif

/* in draws.c */
void OF_LEVEL(words)(const minnet_draw *, uint64_t, size_t, void *);
void OF_LEVEL(uniform_f32)(const minnet_draw *, uint64_t, size_t, void *);
void OF_LEVEL(uniform_f64)(const minnet_draw *, uint64_t, size_t, void *);
void OF_LEVEL(normal_f32)(const minnet_draw *, uint64_t, size_t, void *);
void OF_LEVEL(normal_f64)(const minnet_draw *, uint64_t, size_t, void *);
void OF_LEVEL(truncated_f32)(const minnet_draw *, uint64_t, size_t, void *);
void OF_LEVEL(truncated_f64)(const minnet_draw *, uint64_t, size_t, void *);

/* in training.c */
int64_t OF_LEVEL(train_f32)(const minnet_network *, const minnet_data *, minnet_hyper *, int64_t);
int64_t OF_LEVEL(train_f64)(const minnet_network *, const minnet_data *, minnet_hyper *, int64_t);
int OF_LEVEL(infer_f32)(const minnet_network *, const minnet_data *, minnet_outputs *, void *);
int OF_LEVEL(infer_f64)(const minnet_network *, const minnet_data *, minnet_outputs *, void *);
int OF_LEVEL(gemm_f32)(ptrdiff_t, ptrdiff_t, ptrdiff_t, const void *, ptrdiff_t, const void *,
                       void *, int64_t);
int OF_LEVEL(gemm_f64)(ptrdiff_t, ptrdiff_t, ptrdiff_t, const void *, ptrdiff_t, const void *,
                       void *, int64_t);
void OF_LEVEL(members_f32)(minnet_member *, int64_t, int64_t, char *, int64_t, int64_t);
void OF_LEVEL(members_f64)(minnet_member *, int64_t, int64_t, char *, int64_t, int64_t);
int OF_LEVEL(score_f32)(minnet_member *, double *, double *);
int OF_LEVEL(score_f64)(minnet_member *, double *, double *);
void OF_LEVEL(refine)(const minnet_logits *, double *, double *); /* by both widths */

#endif
