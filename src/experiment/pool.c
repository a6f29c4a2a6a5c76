/* Memory that is released all at once, a chain of separate allocations: see pool.h. */
#include "experiment/pool.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct piece {
    struct piece *next;
    max_align_t data[];
};

struct pool {
    struct piece *pieces;
};

struct pool *pool_new(void) {
    return calloc(1, sizeof(struct pool));
}

void pool_free(struct pool *pool) {
    if (!pool) {
        return;
    }
    for (struct piece *p = pool->pieces, *next; p; p = next) {
        next = p->next;
        free(p);
    }
    free(pool);
}

void *pool_take(struct pool *pool, size_t size) {
    struct piece *piece = calloc(1, sizeof *piece + size);
    if (!piece) {
        return NULL;
    }
    piece->next = pool->pieces;
    pool->pieces = piece;
    return piece->data;
}

char *pool_copy(struct pool *pool, const char *text, size_t length) {
    char *copy = pool_take(pool, length + 1);
    if (copy) {
        memcpy(copy, text, length);
    }
    return copy;
}

char *pool_print(struct pool *pool, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    char *text = length < 0 ? NULL : pool_take(pool, (size_t)length + 1);
    if (text) {
        va_start(arguments, format);
        vsnprintf(text, (size_t)length + 1, format, arguments);
        va_end(arguments);
    }
    return text;
}

void *pool_extend(struct pool *pool, void *list, size_t count, size_t size) {
    /* The capacity doubles at powers of two, so the list is full exactly if count is one (or 0). */
    if (count && (count & (count - 1))) {
        return list;
    }
    void *larger = pool_take(pool, (count ? 2 * count : 1) * size);
    if (larger && count) {
        memcpy(larger, list, count * size);
    }
    return larger;
}

enum status pool_exhausted(struct error *e) {
    return error_set(e, STATUS_FAILED, "out of memory");
}
