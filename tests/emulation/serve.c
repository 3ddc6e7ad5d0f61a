/* Calls the kernels for another program, call by call: minnet's tests of what another compiler built.
 *
 * emulated.py writes a call to standard input: what is called, an image of the memory that it is
 * called with, where pointers lie in it, as offsets, and where its arrays lie, each with its bytes.
 * Back comes the image as the call left it; and before it, where several processes take steps
 * together, numbers that they are to sum up. Under AddressSanitizer what lies between the arrays is
 * not to be touched.
 */
#include <stdio.h>
#include <stdlib.h>

#include "dispatch.h"

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#define CLOSE(begin, size) ASAN_POISON_MEMORY_REGION(begin, size)
#define OPEN(begin, size)  ASAN_UNPOISON_MEMORY_REGION(begin, size)
#else
#define CLOSE(begin, size) ((void)(begin))
#define OPEN(begin, size)  ((void)(begin))
#endif

typedef struct {
    char level[16], function[16];
    int64_t size, n_pointers, n_arrays; /* size: of the image; a multiple of 64 */
    int64_t arguments[8], result;
} minnet_call;

static const minnet_kernels *find_level(const char *name) {
    int i = 0;
    while (minnet_levels[i] && strcmp(minnet_levels[i]->name, name)) i++;
    return minnet_levels[i];
}

enum { UNKNOWN = -2, TO_BE_SUMMED = -3 };

/* Whose numbers are summed up, and how wide one of them is. */
typedef struct {
    char *numbers;
    size_t size;
} summed;

/* Has the other program sum numbers up, see share.h. */
static int64_t reduce(void *with, int64_t first, int64_t n, int64_t last) {
    const summed *s = with;
    const minnet_call call = {.arguments = {first, n, last}, .result = TO_BE_SUMMED};
    char *numbers = s->numbers + (size_t)first * s->size;
    const size_t many = (size_t)n;
    int64_t ended;
    fwrite(&call, sizeof call, 1, stdout);
    fwrite(numbers, s->size, many, stdout);
    fflush(stdout);
    if (fread(&ended, sizeof ended, 1, stdin) != 1) exit(1);
    if (fread(numbers, s->size, many, stdin) != many) exit(1);
    return ended;
}

/* Trains with as much workspace as it asks for. */
static int64_t train(minnet_train steps, size_t size, void *network, void *data, minnet_hyper *hyper,
                     int64_t n_params) {
    summed s = {.size = size};
    if (hyper->share && hyper->share->reduce) {
        s.numbers = hyper->share->numbers;
        hyper->share->reduce = (int64_t)(intptr_t)reduce;
        hyper->share->with_ = &s;
    }
    int64_t needed = steps(network, data, hyper, n_params);
    if (needed <= 0) return needed;
    hyper->workspace = malloc((size_t)needed);
    hyper->workspace_bytes = needed;
    needed = steps(network, data, hyper, n_params);
    free(hyper->workspace);
    return needed;
}

/* Returns what the kernel does, 0 where it returns nothing, or that there is none of the name. */
static int64_t answer(const minnet_call *call, char *memory) {
    const minnet_kernels *kernels = find_level(call->level);
    const int64_t *a = call->arguments;
#define IS(name) (!strcmp(call->function, #name))
    if (IS(pointer)) return sizeof(void *);
    if (IS(alignment)) return offsetof(struct { char first; int64_t number; }, number);
    if (!kernels) return UNKNOWN;
#define AT(i)    ((void *)(memory + a[i]))
#define FILL(name)                                                                                 \
    if (IS(name)) {                                                                                \
        kernels->name(AT(0), (uint64_t)a[1], (size_t)a[2], AT(3));                                 \
        return 0;                                                                                  \
    }
#define TRAIN(name, type)                                                                          \
    if (IS(name)) return train(kernels->name, sizeof(type), AT(0), AT(1), AT(2), a[3]);
#define INFER(name)                                                                                \
    if (IS(name)) return kernels->name(AT(0), AT(1), AT(2), AT(3));
#define GEMM(name)                                                                                 \
    if (IS(name)) return kernels->name(a[0], a[1], a[2], AT(3), a[4], AT(5), AT(6), a[7]);
    FILL(words)
    FILL(uniform_f32)
    FILL(uniform_f64)
    FILL(normal_f32)
    FILL(normal_f64)
    FILL(truncated_f32)
    FILL(truncated_f64)
    TRAIN(train_f32, float)
    TRAIN(train_f64, double)
    INFER(infer_f32)
    INFER(infer_f64)
    GEMM(gemm_f32)
    GEMM(gemm_f64)
    return UNKNOWN;
}

int main(void) {
    minnet_call call;
    while (fread(&call, sizeof call, 1, stdin) == 1) {
        const size_t n_pointers = (size_t)call.n_pointers, size = (size_t)call.size;
        const size_t n_arrays = (size_t)call.n_arrays, n_places = n_pointers + 2 * n_arrays;
        int64_t *places = malloc((n_places + 1) * sizeof *places), *arrays = places + n_pointers;
        char *memory = aligned_alloc(64, size);
        if (!places || !memory || fread(places, sizeof *places, n_places, stdin) != n_places ||
            fread(memory, 1, size, stdin) != size) {
            return 1;
        }
        for (size_t i = 0; i < n_pointers; i++) {
            uintptr_t pointer; /* of an address in 64 bits the low ones, where it has 32 */
            memcpy(&pointer, memory + places[i], sizeof pointer);
            pointer += (uintptr_t)memory;
            memcpy(memory + places[i], &pointer, sizeof pointer);
        }
        CLOSE(memory, size);
        for (size_t i = 0; i < n_arrays; i++) {
            OPEN(memory + arrays[2 * i], (size_t)arrays[2 * i + 1]);
        }
        call.result = answer(&call, memory);
        OPEN(memory, size);
        fwrite(&call, sizeof call, 1, stdout);
        fwrite(memory, 1, size, stdout);
        fflush(stdout);
        free(memory);
        free(places);
    }
    return 0;
}
