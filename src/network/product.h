/* Matrix products by oneDNN, in row-major order. No other file of src/ calls oneDNN.
 *
 * Factors are float32 numbers or bfloat16 numbers (bfloat16.h), sums float32. With AMX oneDNN multiplies bfloat16
 * numbers several times as fast as float32 numbers, with the instructions avx512_bf16 of AMD's processors up to twice
 * as fast, with those of Intel's more slowly (oneDNN 2.6). Where it is not faster, they are converted and multiplied as
 * float32 numbers, with the same result up to the rounding of the sums.
 *
 * A call runs in the calling thread alone; calls may run in parallel. Bits depend only on the shape and on the
 * instruction set in use, which ONEDNN_MAX_CPU_ISA can limit. */
#ifndef DMSQ_NETWORK_PRODUCT_H
#define DMSQ_NETWORK_PRODUCT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* c (rows, columns) = a b with a (rows, depth) and b (depth, columns). */
struct product_shape {
    size_t rows, columns, depth;
    bool transposed; /* a is stored as (depth, rows) */
    bool bfloat16;
};

struct product;

/* STATUS_FAILED: out of memory, or an error of oneDNN. */
enum status product_new(const struct product_shape *shape, struct product **product, struct error *e);
void product_free(struct product *p);

/* Bytes of scratch memory that product_compute needs, aligned to 64. */
size_t product_scratch(const struct product *p);

/* c = a b, or c += a b. a and b: float or uint16_t, as the shape has it. used <= depth: beyond it a and b are zero.
 * STATUS_FAILED: an error of oneDNN. */
enum status product_compute(const struct product *p, void *scratch, size_t used, const void *a, const void *b, bool add,
                            float *c, struct error *e);

/* Rounds to the nearest bfloat16 number, halves to even. */
void product_round(size_t count, const float *restrict x, uint16_t *restrict rounded);

/* A row of a product has the same bits at any position only if all products have the same number of rows, a multiple of
 * this one. */
size_t product_rows_together(void);

/* Instruction set that oneDNN uses: "AVX2", "AVX512_CORE_BF16", ... */
const char *product_instruction_set(void);

#endif
