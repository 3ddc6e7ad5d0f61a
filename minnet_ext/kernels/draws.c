/* The random draws of one width and CPU level.  setup.py compiles this file without contraction of
 * a * b + c to FMA, so that the bits of a draw do not depend on the level.
 */
#include "entry.h"
#include "laws.h"

void ENTRY(uniform)(const minnet_draw *draw, uint64_t start, size_t n, void *out) {
    by_pieces(draw, start, n, out, WORDS, sizeof(real), piece_uniform);
}

void ENTRY(normal)(const minnet_draw *draw, uint64_t start, size_t n, void *out) {
    by_pieces(draw, start, n, out, WORDS, sizeof(real), piece_normal);
}

#if REAL_BITS == 32

void OF_LEVEL(words)(const minnet_draw *draw, uint64_t start, size_t n, void *out) {
    by_pieces(draw, start, n, out, 1, sizeof(uint32_t), piece_words);
}

#else /* both are computed in float64 */

void OF_LEVEL(truncated_f32)(const minnet_draw *draw, uint64_t start, size_t n, void *out) {
    by_pieces(draw, start, n, out, 2, sizeof(float), piece_truncated_narrow);
}

void OF_LEVEL(truncated_f64)(const minnet_draw *draw, uint64_t start, size_t n, void *out) {
    by_pieces(draw, start, n, out, 2, sizeof(double), piece_truncated);
}

#endif
