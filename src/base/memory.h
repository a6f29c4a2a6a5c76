/* Memory for vector registers. */
#ifndef DMSQ_BASE_MEMORY_H
#define DMSQ_BASE_MEMORY_H

#include <stddef.h>

/* `count` elements of `size` bytes, of value 0, aligned to 64 bytes; the caller frees them. Sizes are rounded up to a
 * multiple of 64 bytes, and there are at least 64. NULL: out of memory. */
void *memory_aligned(size_t count, size_t size);

#endif
