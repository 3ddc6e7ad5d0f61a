/* What a compiler is asked for beyond C, each with what it gains. */
#ifndef MINNET_COMPILER_H
#define MINNET_COMPILER_H

/* IN_REGISTER keeps a vector in a register: without it GCC folds one load into several
 * multiplications, which makes the loop wait for the load ports (measured 60 against 83 Gflop/s).
 */
#if defined(__GNUC__) && defined(__AVX512F__) && !defined(MINNET_SCALAR)
#define IN_REGISTER(v) __asm__("" : "+v"(v))
#elif defined(__GNUC__) && defined(__SSE2__) && !defined(MINNET_SCALAR)
#define IN_REGISTER(v) __asm__("" : "+x"(v))
#else
#define IN_REGISTER(v) ((void)0)
#endif

/* ROUNDED makes a product be rounded by itself: GCC fuses it with the sum in one copy of a loop,
 * but not in another, and bits would depend on how many columns a thread has. */
#if defined(__GNUC__) && defined(__AVX512F__)
#define ROUNDED(v) __asm__("" : "+v"(v))
#elif defined(__GNUC__) && defined(__SSE2__)
#define ROUNDED(v) __asm__("" : "+x"(v))
#elif defined(__GNUC__) && defined(__aarch64__)
#define ROUNDED(v) __asm__("" : "+w"(v))
#else
#define ROUNDED(v) ((void)0)
#endif

/* HERE lets nothing that is computed of v be computed before: GCC fuses a product with a sum only
 * where both stand in one basic block, and moves products that several branches have in common in
 * front of them. */
#define HERE(v) ROUNDED(v)

#if defined(__GNUC__)
#define NOINLINE                   __attribute__((noinline))
#define PREFETCH(address)          __builtin_prefetch(address)
#define PREFETCH_TO_WRITE(address) __builtin_prefetch(address, 1)
#else
#define NOINLINE
#define PREFETCH(address)          ((void)(address))
#define PREFETCH_TO_WRITE(address) ((void)(address))
#endif

/* Arrays of vectors live in registers only if the loops over them are unrolled early. Without it
 * GCC clears the sums in memory by `rep stos`, which took as long as 15 rows of a product (47 ns).
 */
#if defined(__SANITIZE_ADDRESS__) /* which would take minutes to compile it */
#define UNROLLED
#elif defined(__clang__)
#define UNROLLED _Pragma("clang loop unroll(full)")
#elif defined(__GNUC__)
#define UNROLLED _Pragma("GCC unroll 32")
#else
#define UNROLLED
#endif

#endif
