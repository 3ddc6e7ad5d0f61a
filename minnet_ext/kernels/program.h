/* What the compiled steps read: the lowered network and one call's data, as minnet/backends/program.py
 * and minnet_ext/_train.pyx lay them out. */
#ifndef MINNET_PROGRAM_H
#define MINNET_PROGRAM_H

#include <stdint.h>

enum layer_kind { LAYER_DENSE, LAYER_DROPOUT, LAYER_BATCH_NORM };
enum loss_kind {
    LOSS_SOFTMAX, LOSS_SIGMOID, LOSS_SQUARED, LOSS_SQUARED_SOFTMAX, LOSS_SQUARED_LOGISTIC,
    LOSS_POISSON, LOSS_ABSOLUTE, LOSS_HUBER, LOSS_QUANTILE
};
enum optimizer_kind { OPTIMIZER_SGD, OPTIMIZER_ADAM, OPTIMIZER_RMSPROP };

typedef struct {
    int64_t kind, activation, n_in, n_out;
    int64_t weight, bias;          /* offsets into the parameters: W and b, or gamma and beta */
    int64_t mean, variance;        /* offsets into the layer state: batch normalization's averages */
    int64_t trainable;
    int64_t needs_Z;               /* whether the activation's derivative reads Z */
    int64_t value, slope;          /* addresses of a user's activation: see user.h */
    int64_t stream_index, stream_code; /* dropout's random stream */
    double activation_parameter;
    double lr_factor, bias_lr_factor; /* of W, and of all else */
    double rate;                   /* dropout */
    double momentum, epsilon;      /* batch normalization */
} minnet_layer;

typedef struct {
    const minnet_layer *layers;
    int64_t n_layers, loss;
    double loss_parameter;         /* Huber's delta, or which quantile */
    double alpha;                  /* of L2 */
    void *params, *state;
} minnet_network;

typedef struct {
    const char *X;                 /* of the network's type; strides in bytes */
    int64_t row_stride, column_stride;
    const int64_t *indptr;         /* NULL, or X are the values of CSR rows: entries indptr[row] up to */
    const void *indices;           /* indptr[row + 1], and the column of each, int32_t or */
    int64_t wide_indices;          /* (if not 0) int64_t */
    const int64_t *classes;        /* targets of a softmax; otherwise numbers: */
    const char *T;
    int64_t t_row_stride, t_column_stride;
    const double *weights;         /* sample weights or NULL */
    const int64_t *order;          /* or NULL */
    int64_t n_samples;
    double weight_sum;
} minnet_data;

typedef struct {
    int64_t batch_size, start, stop; /* steps of the epoch */
    const double *rates;           /* one a step of the epoch */
    int64_t optimizer, nesterov;
    double momentum, beta_1, beta_2, epsilon;
    double weight_decay, clip_value, clip_norm; /* infinite: no clipping */
    void *V, *M;                   /* optimizer state: V of momentum, or means of g^2; m of Adam, V of RMSProp */
    int64_t steps_made;            /* before this call */
    int64_t position;              /* samples drawn before this epoch */
    uint64_t key;
    int64_t n_threads;
    double *lazy;                  /* IN, OUT: see sparse_step.h; NULL: the first layer's W is exact. Otherwise
                                    * s, or 0 before the first step, then sums of squares of W / s */
    void *workspace;               /* what steps need for themselves; too little: nothing is done, */
    int64_t workspace_bytes;       /* and the number of bytes needed is returned */
    void *gradient;                /* OUT: the gradient of one step, which is then not taken; or NULL */
    double *losses;                /* OUT: objective times length of batch, one a step from start on */
} minnet_hyper;

#endif
