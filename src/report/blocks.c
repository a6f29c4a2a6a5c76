/* The data that gnuplot draws: see blocks.h. */
#include "report/blocks.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "statistics/histogram.h"

enum status block_numbers(const struct npz *npz, const char *member, double **x, size_t *count,
                          struct error *e) {
    const struct npz_array *a = npz_find(npz, member);
    if (a == NULL) {
        return error_set(e, STATUS_BAD_INPUT, "%s: found no member %s, expected a vector of numbers", npz_path(npz),
                         member);
    }
    if (a->dimensions != 1 || a->type == NPZ_BYTES) {
        return error_set(e, STATUS_BAD_INPUT, "%s: member %s: found %zu dimensions%s, expected a vector of numbers",
                         npz_path(npz), member, a->dimensions, a->type == NPZ_BYTES ? " of text" : "");
    }
    double *values = malloc((a->count + 1) * sizeof *values);
    if (values == NULL) {
        return error_set(e, STATUS_FAILED, "%s: member %s: out of memory", npz_path(npz), member);
    }
    for (size_t i = 0; i < a->count; i++) {
        switch (a->type) {
        case NPZ_FLOAT32:
            values[i] = (double)((const float *)a->data)[i];
            break;
        case NPZ_FLOAT64:
            values[i] = ((const double *)a->data)[i];
            break;
        case NPZ_INT32:
            values[i] = ((const int32_t *)a->data)[i];
            break;
        case NPZ_INT64:
            values[i] = (double)((const int64_t *)a->data)[i];
            break;
        case NPZ_UINT8:
        case NPZ_BYTES: /* turned away above */
            values[i] = ((const uint8_t *)a->data)[i];
            break;
        }
    }
    *x = values;
    *count = a->count;
    return STATUS_OK;
}

enum status block_histogram(const struct bins *bins, const double *x, size_t n, size_t *outside,
                            FILE *out, struct error *e) {
    double *counts = malloc(bins->count * sizeof *counts);
    if (counts == NULL) {
        return error_set(e, STATUS_FAILED, "histogram: out of memory for %zu bins", bins->count);
    }
    *outside = histogram_fill(x, n, bins->low, bins->high, bins->count, counts);
    double width = (bins->high - bins->low) / (double)bins->count;
    for (size_t i = 0; i < bins->count; i++) {
        fprintf(out, "%.9g %.0f %.9g\n", bins->low + width * ((double)i + 0.5), counts[i], sqrt(counts[i]));
    }
    fputs("\n\n", out);
    free(counts);
    return STATUS_OK;
}

enum status block_columns(const struct npz *npz, const struct report_list *members, size_t *count, FILE *out,
                          struct error *e) {
    double **column = calloc(members->count + 1, sizeof *column);
    if (column == NULL) {
        return error_set(e, STATUS_FAILED, "%s: out of memory", npz_path(npz));
    }
    enum status s = STATUS_OK;
    const char *first = NULL; /* the member that has set the length */
    for (size_t c = 0; c < members->count && s == STATUS_OK; c++) {
        size_t n;
        if (strcmp(members->item[c], "index") == 0 || strcmp(members->item[c], "#") == 0) {
            continue;
        }
        s = block_numbers(npz, members->item[c], &column[c], &n, e);
        if (s == STATUS_OK && first != NULL && n != *count) {
            s = error_set(e, STATUS_BAD_INPUT, "%s: member %s: found %zu numbers, expected %zu as in %s",
                          npz_path(npz), members->item[c], n, *count, first);
        }
        if (first == NULL) {
            first = members->item[c];
            *count = n;
        }
    }
    if (s == STATUS_OK && first == NULL) {
        s = error_set(e, STATUS_BAD_INPUT, "parameter members: found no member but index, expected a vector's name");
    }
    for (size_t i = 0; s == STATUS_OK && i < *count; i++) {
        for (size_t c = 0; c < members->count; c++) {
            fprintf(out, "%s%.9g", c > 0 ? " " : "", column[c] != NULL ? column[c][i] : (double)(i + 1));
        }
        fputc('\n', out);
    }
    if (s == STATUS_OK) {
        fputs("\n\n", out);
    }
    for (size_t c = 0; c < members->count; c++) {
        free(column[c]);
    }
    free(column);
    return s;
}
