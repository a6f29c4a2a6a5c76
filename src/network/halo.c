#include "network/halo.h"

#include <string.h>

static void add(float *restrict to, const float *restrict from, size_t n) {
    for (size_t i = 0; i < n; i++) {
        to[i] += from[i];
    }
}

void halo_fill(const struct halo *h, void *field, size_t size) {
    const size_t c = h->channels * size, row = halo_width(h) * c, rows = halo_height(h);
    char *at = field;
    if (!h->periodic) {
        memset(at, 0, row);
        if (h->both_sides) {
            memset(at + (h->height + 1) * row, 0, row);
        }
        for (size_t y = 1; y < rows; y++) {
            memset(at + y * row, 0, c);
            if (h->both_sides) {
                memset(at + y * row + (h->width + 1) * c, 0, c);
            }
        }
        return;
    }
    for (size_t y = 1; y <= h->height; y++) {
        memcpy(at + y * row, at + y * row + h->width * c, c);
        if (h->both_sides) {
            memcpy(at + y * row + (h->width + 1) * c, at + y * row + c, c);
        }
    }
    memcpy(at, at + h->height * row, row);
    if (h->both_sides) {
        memcpy(at + (h->height + 1) * row, at + row, row);
    }
}

void halo_fold(const struct halo *h, float *field) {
    if (!h->periodic) {
        return;
    }
    const size_t c = h->channels, row = halo_width(h) * c;
    add(field + h->height * row, field, row);
    if (h->both_sides) {
        add(field + row, field + (h->height + 1) * row, row);
    }
    for (size_t y = 1; y <= h->height; y++) {
        add(field + y * row + h->width * c, field + y * row, c);
        if (h->both_sides) {
            add(field + y * row + c, field + y * row + (h->width + 1) * c, c);
        }
    }
}
