/* A user's activation: functions that minnet/user_activations/loops.py has compiled, called on many
 * numbers at a time.
 *
 * The numbers are copied to the stack, some rows side by side, and back: a loop that was compiled
 * without knowing where its arrays lie runs on vectors only where they do not overlap, and Y may be
 * Z; a tile of a product has few columns; and there is one call for many rows.  What is missing to
 * whole groups is filled up, so that the loop has no remainder, which might be computed in another
 * way: the bits of a number do not depend on its place.  The results are NaN before the call: that
 * is what is left of a function that raises.
 */
#ifndef MINNET_USER_H
#define MINNET_USER_H

#include <math.h>

#include "lanes.h"
#include "program.h"
#include "tile.h"

INLINE ptrdiff_t at_most(ptrdiff_t n, ptrdiff_t most) { return n < most ? n : most; }

typedef void (*user_value)(const real *z, real *y, ptrdiff_t n);
typedef void (*user_slope)(const real *z, const real *y, real *slope, ptrdiff_t n);

/* Rows of n numbers side by side; returns how many there are, in whole groups. */
INLINE ptrdiff_t collect(const real *from, ptrdiff_t ld, ptrdiff_t rows, ptrdiff_t n, real *to) {
    for (ptrdiff_t m = 0; m < rows;
         m++) { /* a row's last vector may reach into where the next one comes */
        for (ptrdiff_t i = 0; i < n; i += LANES) store(to + m * n + i, load(from + m * ld + i));
    }
    const ptrdiff_t count = rows * n, whole = (count + USER_GROUP - 1) / USER_GROUP * USER_GROUP;
    for (ptrdiff_t i = count; i < whole; i++) to[i] = to[0];
    return whole;
}

INLINE void fill_nan(real *to, ptrdiff_t n) {
    for (ptrdiff_t i = 0; i < n; i += LANES) store(to + i, splat((real)NAN));
}

/* Y = f(Z) for some rows of n numbers; Y may be Z. */
static void user_activate(const minnet_layer *layer, const real *Z, real *Y, ptrdiff_t ld,
                          ptrdiff_t rows, ptrdiff_t n) {
    const user_value value = (user_value)(intptr_t)layer->value;
    real z[USER_NUMBERS + LANES], y[USER_NUMBERS + LANES];
    for (ptrdiff_t j = 0; j < n; j += USER_NUMBERS) {
        const ptrdiff_t width = at_most(n - j, USER_NUMBERS), most = USER_NUMBERS / width;
        for (ptrdiff_t m = 0; m < rows; m += most) {
            const ptrdiff_t some = at_most(rows - m, most);
            const ptrdiff_t count = collect(Z + m * ld + j, ld, some, width, z);
            fill_nan(y, count);
            value(z, y, count);
            for (ptrdiff_t k = 0; k < some; k++) {
                real *to = Y + (m + k) * ld + j;
                for (ptrdiff_t i = 0; i < width; i += LANES) {
                    store_part(to + i, load(y + k * width + i), width - i);
                }
            }
        }
    }
}

/* dY = dY f'(Z) for some rows of n numbers. */
static void user_differentiate(const minnet_layer *layer, const real *Z, const real *Y,
                               ptrdiff_t ld, real *dY, ptrdiff_t ldy, ptrdiff_t rows, ptrdiff_t n) {
    const user_slope slope = (user_slope)(intptr_t)layer->slope;
    real z[USER_NUMBERS + LANES], y[USER_NUMBERS + LANES], s[USER_NUMBERS + LANES];
    for (ptrdiff_t j = 0; j < n; j += USER_NUMBERS) {
        const ptrdiff_t width = at_most(n - j, USER_NUMBERS), most = USER_NUMBERS / width;
        for (ptrdiff_t m = 0; m < rows; m += most) {
            const ptrdiff_t some = at_most(rows - m, most), at = m * ld + j;
            const ptrdiff_t count = collect(Y + at, ld, some, width, y);
            if (layer->needs_Z) collect(Z + at, ld, some, width, z);
            fill_nan(s, count);
            slope(layer->needs_Z ? z : y, y, s, count);
            for (ptrdiff_t k = 0; k < some; k++) {
                real *to = dY + (m + k) * ldy + j;
                for (ptrdiff_t i = 0; i < width; i += LANES) {
                    const vreal product = load_part(to + i, width - i) * load(s + k * width + i);
                    store_part(to + i, product, width - i);
                }
            }
        }
    }
}

#endif
