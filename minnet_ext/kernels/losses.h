/* Losses on logits: value and gradient of one row.  The formulas of minnet/losses.py.
 *
 * Included once for each width of real.h.
 */

/* Softmax of n logits into P (padded to whole vectors); returns the log of the sum of exponentials,
 * less the largest logit, which goes to *top: their sum would lose digits that all logits share. */
static double NAME(softmax_row)(const real *Z, real *P, ptrdiff_t n, real *top) {
    real largest = Z[0];
    double sum = 0;
    for (ptrdiff_t j = 1; j < n; j++) largest = Z[j] > largest || Z[j] != Z[j] ? Z[j] : largest;
    for (ptrdiff_t j = 0; j < n; j += LANES) {
        NAME(store)(P + j, NAME(exp)(NAME(load)(Z + j) - largest));
    }
    for (ptrdiff_t j = 0; j < n; j++) sum += P[j];
    real inverse = (real)(1 / sum);
    for (ptrdiff_t j = 0; j < n; j++) P[j] *= inverse;
    *top = largest;
    return log(sum);
}

/* A number that may lie at any address: arrays of NumPy need not be aligned. */
INLINE real NAME(target)(const char *from) {
    real t;
    memcpy(&t, from, sizeof t);
    return t;
}

/* Writes factor times the gradient to dZ and returns the loss. Z and dZ are padded to whole vectors;
 * T has a stride in bytes. */
static double NAME(loss_row)(int64_t loss, const real *Z, real *dZ, ptrdiff_t n, int64_t class_,
                             const char *T, int64_t t_stride, real factor) {
    double value = 0;
    real top;
#define TARGET(j) NAME(target)(T + (j) * t_stride)
    switch (loss) {
    case LOSS_SOFTMAX:
        value = NAME(softmax_row)(Z, dZ, n, &top);
        value += top - Z[class_];
        dZ[class_] -= 1;
        break;
    case LOSS_SQUARED_SOFTMAX: {
        NAME(softmax_row)(Z, dZ, n, &top);
        double inner = 0;
        for (ptrdiff_t j = 0; j < n; j++) {
            double d = dZ[j] - (j == class_);
            value += 0.5 * d * d;
            inner += d * dZ[j];
        }
        for (ptrdiff_t j = 0; j < n; j++) dZ[j] *= (real)(dZ[j] - (j == class_) - inner);
        break;
    }
    case LOSS_SIGMOID:
    case LOSS_SQUARED_LOGISTIC:
        for (ptrdiff_t j = 0; j < n; j += LANES) {
            NAME(store)(dZ + j, NAME(sigmoid)(NAME(load)(Z + j)));
        }
        for (ptrdiff_t j = 0; j < n; j++) {
            real t = TARGET(j), y = dZ[j], d = y - t;
            if (loss == LOSS_SIGMOID) {
                real z = Z[j];
                value += (z < 0 ? 0 : z) - z * t + log1p(exp(-fabs((double)z)));
                dZ[j] = d;
            } else {
                value += 0.5 * (double)d * d;
                dZ[j] = d * y * (1 - y);
            }
        }
        break;
    case LOSS_POISSON:
        for (ptrdiff_t j = 0; j < n; j += LANES) {
            NAME(store)(dZ + j, NAME(exp)(NAME(load)(Z + j)));
        }
        for (ptrdiff_t j = 0; j < n; j++) {
            real t = TARGET(j);
            value += (double)dZ[j] - (double)t * Z[j] + (t > 0 ? t * log((double)t) : 0) - t;
            dZ[j] -= t;
        }
        break;
    default:
        for (ptrdiff_t j = 0; j < n; j++) {
            real d = Z[j] - TARGET(j);
            if (loss == LOSS_SQUARED) {
                value += 0.5 * (double)d * d;
                dZ[j] = d;
            } else {
                value += fabs((double)d);
                dZ[j] = d != d ? d : (real)((d > 0) - (d < 0));
            }
        }
    }
#undef TARGET
    for (ptrdiff_t j = 0; j < n; j++) dZ[j] *= factor;
    return value;
}
