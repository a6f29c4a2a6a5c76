#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

void *memory_aligned(size_t count, size_t size) {
    enum { LINE = 64 };
    const size_t bytes = (count * size + LINE - 1) / LINE * LINE;
    void *memory = aligned_alloc(LINE, bytes ? bytes : LINE);
    if (memory) {
        memset(memory, 0, bytes ? bytes : LINE);
    }
    return memory;
}
