/* Error messages: formatting, and prefixes that say where a message comes from. */
#include "base/error.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* Ends a truncated message in "...", so that the reader sees that it was cut. */
static void mark_truncation(char *message, size_t capacity, int wanted) {
    if (wanted >= 0 && (size_t)wanted >= capacity) {
        memcpy(message + capacity - 4, "...", 4);
    }
}

void error_plain_text(char *text) {
    for (unsigned char *c = (unsigned char *)text; *c != '\0'; c++) {
        const bool two_bytes = c[0] == 0xC2 && c[1] >= 0x80 && c[1] < 0xA0; /* U+0080 to U+009F */
        if ((iscntrl(*c) && *c != '\n' && *c != '\t') || two_bytes) {
            *c = '?';
            c[two_bytes] = '?';
        }
    }
}

enum status error_set(struct error *e, enum status status, const char *format, ...) {
    char message[sizeof e->message]; /* arguments may point into e->message */
    va_list arguments;
    va_start(arguments, format);
    int n = vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    mark_truncation(message, sizeof message, n);
    for (char *c = message; (c = strpbrk(c, "\n\t")) != NULL;) {
        *c = ' ';
    }
    error_plain_text(message);
    memcpy(e->message, message, sizeof message);
    e->status = status;
    return status;
}

enum status error_prefix(struct error *e, const char *format, ...) {
    char prefix[sizeof e->message];
    char message[2 * sizeof e->message + 4];
    va_list arguments;
    va_start(arguments, format);
    int n = vsnprintf(prefix, sizeof prefix, format, arguments);
    va_end(arguments);
    mark_truncation(prefix, sizeof prefix, n);
    n = snprintf(message, sizeof message, "%s: %s", prefix, e->message);
    if (n >= 0) {
        memcpy(e->message, message, sizeof e->message);
        e->message[sizeof e->message - 1] = '\0';
        mark_truncation(e->message, sizeof e->message, n);
    }
    return e->status;
}
