/* The numbers of a curve: see blocks.h. */
#include "report/blocks.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "report/estimates.h"
#include "statistics/histogram.h"

enum status block_numbers(const struct npz *npz, const char *member, double **x, size_t *count, struct error *e) {
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
        npz_number_at(a, i, &values[i]);
    }
    *x = values;
    *count = a->count;
    return STATUS_OK;
}

static enum status allocate(struct block *block, size_t columns, size_t rows, struct error *e) {
    *block = (struct block){columns, rows, calloc(columns * rows + 1, sizeof(double))};
    return block->x != NULL ? STATUS_OK : error_set(e, STATUS_FAILED, "figure: out of memory for %zu points", rows);
}

enum status block_histogram(const struct bins *bins, const double *x, size_t n, size_t *outside, struct block *block,
                            struct error *e) {
    double *counts = malloc(bins->count * sizeof *counts);
    if (counts == NULL) {
        return error_set(e, STATUS_FAILED, "histogram: out of memory for %zu bins", bins->count);
    }
    enum status status = allocate(block, 3, bins->count, e);
    if (status == STATUS_OK) {
        *outside = histogram_fill(x, n, bins->low, bins->high, bins->count, counts);
        double width = (bins->high - bins->low) / (double)bins->count;
        for (size_t i = 0; i < bins->count; i++) {
            double *row = block->x + 3 * i;
            row[0] = bins->low + width * ((double)i + 0.5);
            row[1] = counts[i];
            row[2] = sqrt(counts[i]);
        }
    }
    free(counts);
    return status;
}

static bool is_index(const char *member) {
    return strcmp(member, "index") == 0 || strcmp(member, "#") == 0;
}

enum status block_columns(const struct npz *npz, const struct report_list *members, struct block *block,
                          struct error *e) {
    double **column = calloc(members->count + 1, sizeof *column);
    if (column == NULL) {
        return error_set(e, STATUS_FAILED, "%s: out of memory", npz_path(npz));
    }
    enum status status = STATUS_OK;
    size_t rows = 0;
    const char *first = NULL; /* the member that determines the number of rows */
    for (size_t c = 0; c < members->count && status == STATUS_OK; c++) {
        size_t n;
        if (is_index(members->item[c])) {
            continue;
        }
        status = block_numbers(npz, members->item[c], &column[c], &n, e);
        if (status == STATUS_OK && first != NULL && n != rows) {
            status = error_set(e, STATUS_BAD_INPUT, "%s: member %s: found %zu numbers, expected %zu as in %s",
                               npz_path(npz), members->item[c], n, rows, first);
        }
        if (status == STATUS_OK && first == NULL) {
            first = members->item[c];
            rows = n;
        }
    }
    if (status == STATUS_OK && first == NULL) {
        status =
            error_set(e, STATUS_BAD_INPUT, "parameter members: found only index, expected also the name of a vector");
    }
    THEN(status, allocate(block, members->count, rows, e));
    for (size_t i = 0; status == STATUS_OK && i < rows; i++) {
        for (size_t c = 0; c < members->count; c++) {
            block->x[i * members->count + c] = column[c] != NULL ? column[c][i] : (double)(i + 1);
        }
    }
    for (size_t c = 0; c < members->count; c++) {
        free(column[c]);
    }
    free(column);
    return status;
}

/* The value of an observable, or its error if the name ends in "_error". */
static bool find_observable(const struct npz *npz, const char *member, double *x) {
    static const char suffix[] = "_error";
    struct estimates rows;
    struct error none;
    size_t length = strlen(member), i;
    const bool error = length > strlen(suffix) && strcmp(member + length - strlen(suffix), suffix) == 0;
    length -= error ? strlen(suffix) : 0;
    if (estimates_read(npz, &rows, &none) != STATUS_OK) {
        return false;
    }
    const bool found = estimates_find(&rows, member, length, &i);
    if (found) {
        *x = (error ? rows.errors : rows.values)[i];
    }
    estimates_free(&rows);
    return found;
}

static enum status find_number(const struct npz *npz, const char *member, double *x, struct error *e) {
    char name[96];
    const size_t length = strlen(member);
    const bool last = length > 2 && strcmp(member + length - 2, "[]") == 0;
    snprintf(name, sizeof name, "%.*s", (int)(last ? length - 2 : length), member);
    const struct npz_array *a = npz_find(npz, name);
    if (a != NULL && (last ? a->dimensions == 1 && a->count > 0 : a->dimensions == 0) &&
        npz_number_at(a, last ? a->count - 1 : 0, x)) {
        return STATUS_OK;
    }
    if (!last && find_observable(npz, member, x)) {
        return STATUS_OK;
    }
    return error_set(e, STATUS_BAD_INPUT,
                     "%s: found no number %s; expected a scalar member, an observable, or a vector as name[]",
                     npz_path(npz), member);
}

enum status block_points(const struct npz *const *npz, const double *x, size_t count, const struct report_list *members,
                         struct block *block, struct error *e) {
    const size_t columns = members->count + 1;
    enum status status = allocate(block, columns, count, e);
    for (size_t i = 0; i < count && status == STATUS_OK; i++) {
        block->x[i * columns] = x[i];
        for (size_t c = 1; c < columns && status == STATUS_OK; c++) {
            status = find_number(npz[i], members->item[c - 1], &block->x[i * columns + c], e);
        }
    }
    return status;
}

enum status block_snapshots(const struct npz *npz, const struct report_list *members,
                            const struct npz_array **snapshots, double **times, struct error *e) {
    size_t count = 0;
    *times = NULL;
    enum status status = npz_require(npz, members->item[0], NPZ_FLOAT32, 4, snapshots, e);
    THEN(status, block_numbers(npz, members->item[1], times, &count, e));
    if (status == STATUS_OK && count != (*snapshots)->shape[0]) {
        status =
            error_set(e, STATUS_BAD_INPUT, "%s: member %s: found %zu numbers, expected %zu, one for each time of %s",
                      npz_path(npz), members->item[1], count, (*snapshots)->shape[0], members->item[0]);
    }
    for (size_t i = 0; i < (status == STATUS_OK ? (*snapshots)->count : 0) && status == STATUS_OK; i++) {
        if (!isfinite(((const float *)(*snapshots)->data)[i])) {
            status = error_set(e, STATUS_BAD_INPUT, "%s: member %s: found a number that is not finite, expected fields",
                               npz_path(npz), members->item[0]);
        }
    }
    if (status != STATUS_OK) {
        free(*times);
        *times = NULL;
    }
    return status;
}

enum status block_image(const struct npz *npz, const struct npz_array *snapshots, const double *times, size_t column,
                        size_t row, struct block *block, struct error *e) {
    const size_t height = snapshots->shape[2], width = snapshots->shape[3];
    enum status status = allocate(block, 5, height * width, e);
    if (status != STATUS_OK) {
        return error_prefix(e, "%s", npz_path(npz));
    }
    const float *phi = (const float *)snapshots->data + (column * snapshots->shape[1] + row) * height * width;
    for (size_t i = 0; i < height * width; i++) {
        const double values[5] = {times[column], (double)(row + 1), (double)(i / width), (double)(i % width),
                                  (double)phi[i]};
        memcpy(block->x + 5 * i, values, sizeof values);
    }
    return STATUS_OK;
}

void block_free(struct block *block) {
    free(block->x);
    *block = (struct block){0};
}

static void write_row(const struct block *block, size_t row, const char *separator, FILE *out) {
    for (size_t c = 0; c < block->columns; c++) {
        fprintf(out, "%s%.10g", c > 0 ? separator : "", block->x[row * block->columns + c]);
    }
    fputc('\n', out);
}

void block_write_data(const struct block *block, FILE *out) {
    for (size_t i = 0; i < block->rows; i++) {
        write_row(block, i, " ", out);
    }
    fputs("\n\n", out);
}

void block_write_rows(const struct block *block, const char *label, FILE *out) {
    for (size_t i = 0; i < block->rows; i++) {
        fprintf(out, "%s\t", label);
        write_row(block, i, "\t", out);
    }
}

void block_write_header(const struct report_list *members, enum block_kind kind, FILE *out) {
    if (kind == BLOCK_IMAGES) {
        fputs("curve\ttime\tconfiguration\tx1\tx2\tfield\n", out);
        return;
    }
    fputs(kind == BLOCK_POINTS ? "curve\tx" : "curve", out);
    for (size_t c = 0; c < members->count; c++) {
        fprintf(out, "\t%s", is_index(members->item[c]) ? "index" : members->item[c]);
    }
    fputs(kind == BLOCK_HISTOGRAM ? "\tcount\terror\n" : "\n", out);
}
