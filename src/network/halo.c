#include "network/halo.h"

#include <string.h>

static void copy(float *to, const float *from, size_t n) {
    memcpy(to, from, n * sizeof *to);
}

static void add(float *restrict to, const float *restrict from, size_t n) {
    for (size_t i = 0; i < n; i++) {
        to[i] += from[i];
    }
}

void halo_fill(const struct halo *h, float *field) {
    const size_t c = h->channels, row = halo_width(h) * c, rows = halo_height(h);
    if (!h->periodic) {
        memset(field, 0, row * sizeof *field);
        if (h->both_sides) {
            memset(field + (h->height + 1) * row, 0, row * sizeof *field);
        }
        for (size_t y = 1; y < rows; y++) {
            memset(field + y * row, 0, c * sizeof *field);
            if (h->both_sides) {
                memset(field + y * row + (h->width + 1) * c, 0, c * sizeof *field);
            }
        }
        return;
    }
    for (size_t y = 1; y <= h->height; y++) {
        copy(field + y * row, field + y * row + h->width * c, c);
        if (h->both_sides) {
            copy(field + y * row + (h->width + 1) * c, field + y * row + c, c);
        }
    }
    copy(field, field + h->height * row, row);
    if (h->both_sides) {
        copy(field + (h->height + 1) * row, field + row, row);
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
