/* The order in which an epoch visits its rows: the numbers 0, 1, ... sorted by random words, as
 * Stream.permutation of minnet/random/streams.py sorts them.
 *
 * Random words lie evenly, so that their leading bits, one radix pass for some thousands of rows,
 * leave almost nothing to a sort by insertion.  1,000 rows: 3.0 us; 60,000: 0.15 ms, and the words
 * (v4, Zen 5).
 */
#ifndef MINNET_ORDER_H
#define MINNET_ORDER_H

#include <stdlib.h>
#include <string.h>

#include "table.h"

#define DIGIT_BITS  11
#define MOST_DIGITS 3 /* all of a word */

/* The last of so many digits is the first of the word. */
#define DIGIT(pair, digit, digits) \
    ((uint32_t)((pair) >> (64 - ((digits) - (digit)) * DIGIT_BITS)) & ((1u << DIGIT_BITS) - 1))

/* Sorts n numbers by their leading digits, equal ones as they lie; returns which of the two has
 * them. */
static uint64_t *sort_by_digits(uint64_t *from, uint64_t *to, size_t n, int digits) {
    for (int digit = 0; digit < digits; digit++) {
        size_t places[1 << DIGIT_BITS] = {0};
        size_t place = 0;
        for (size_t i = 0; i < n; i++) places[DIGIT(from[i], digit, digits)]++;
        for (size_t d = 0; d < (1 << DIGIT_BITS); d++) {
            const size_t count = places[d];
            places[d] = place;
            place += count;
        }
        for (size_t i = 0; i < n; i++) to[places[DIGIT(from[i], digit, digits)]++] = from[i];
        uint64_t *sorted = to;
        to = from;
        from = sorted;
    }
    return from;
}

static void sort_by_insertion(uint64_t *pairs, size_t n) {
    for (size_t i = 1; i < n; i++) {
        const uint64_t pair = pairs[i];
        size_t at = i;
        for (; at > 0 && pairs[at - 1] > pair; at--) pairs[at] = pairs[at - 1];
        pairs[at] = pair;
    }
}

/* The first n numbers, n < 2^32, in a random order; -1 where there is no memory. */
static int random_order(const minnet_draw *draw, minnet_fill words, size_t n, int64_t *order) {
    uint64_t *pairs = malloc((2 * n + 1) * sizeof *pairs);
    if (!pairs) return -1;
    uint32_t *drawn = (uint32_t *)(pairs + n); /* until it is sorted */
    int digits = 1;
    /* two numbers for each value of the digits, at most */
    while (digits < MOST_DIGITS && n >> (digits * DIGIT_BITS + 1)) digits++;
    words(draw, 0, n, drawn);
    for (size_t i = 0; i < n; i++) pairs[i] = ((uint64_t)drawn[i] << 32) | i;
    uint64_t *sorted = sort_by_digits(pairs, pairs + n, n, digits);
    sort_by_insertion(sorted, n);
    for (size_t i = 0; i < n; i++) order[i] = (int64_t)(sorted[i] & 0xFFFFFFFFu);
    free(pairs);
    return 0;
}

#endif
