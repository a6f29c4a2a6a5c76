#include "report/estimates.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum status estimates_add(const struct estimates *rows, struct npz_writer *writer, struct error *e) {
    const size_t n = rows->count;
    double *none = malloc((n + 1) * sizeof *none);
    if (none == NULL) {
        return error_set(e, STATUS_FAILED, "out of memory for %zu estimates", n);
    }
    for (size_t i = 0; i < n; i++) {
        none[i] = NAN;
    }
    enum status s = npz_add_texts(writer, "names", rows->names, n, e);
    THEN(s, npz_add_reals(writer, "values", rows->values, n, e));
    THEN(s, npz_add_reals(writer, "errors", rows->errors, n, e));
    THEN(s, npz_add_reals(writer, "tau_int", rows->tau_int ? rows->tau_int : none, n, e));
    THEN(s, npz_add_reals(writer, "tau_int_error", rows->tau_int_error ? rows->tau_int_error : none, n, e));
    THEN(s, npz_add_text(writer, "error_method", rows->method, e));
    free(none);
    THEN(s, npz_add_integer(writer, "configurations", (int64_t)rows->configurations, e));
    return s;
}

/* Reads a vector of `count` doubles. */
static enum status read_reals(const struct npz *npz, const char *name, size_t count, const double **data,
                              struct error *e) {
    const struct npz_array *array;
    TRY(npz_require(npz, name, NPZ_FLOAT64, 1, &array, e));
    if (array->count != count) {
        return error_set(e, STATUS_BAD_INPUT, "%s: member %s: found %zu values, expected %zu, one for each name",
                         npz_path(npz), name, array->count, count);
    }
    *data = array->data;
    return STATUS_OK;
}

/* Copies names and method, without padding, into one block of memory: pointers first, then the texts. */
static enum status read_texts(const struct npz *npz, const struct npz_array *names, const struct npz_array *method,
                              struct estimates *rows, struct error *e) {
    const size_t n = names->count;
    const char **text = malloc((n + 1) * sizeof *text + n * (names->item_size + 1) + method->item_size + 1);
    if (text == NULL) {
        return error_set(e, STATUS_FAILED, "%s: out of memory for %zu names", npz_path(npz), n);
    }
    char *at = (char *)(text + n + 1);
    for (size_t i = 0; i <= n; i++) {
        const struct npz_array *from = i < n ? names : method;
        const char *bytes = (const char *)from->data + (i < n ? i * from->item_size : 0);
        const size_t length = strnlen(bytes, from->item_size);
        text[i] = memcpy(at, bytes, length);
        at[length] = '\0';
        at += length + 1;
    }
    rows->count = n;
    rows->names = text;
    rows->method = text[n];
    rows->memory = text;
    return STATUS_OK;
}

enum status estimates_read(const struct npz *npz, struct estimates *rows, struct error *e) {
    const struct npz_array *names, *method, *configurations;
    *rows = (struct estimates){0};
    enum status s = npz_require(npz, "names", NPZ_BYTES, 1, &names, e);
    THEN(s, npz_require(npz, "configurations", NPZ_INT64, 0, &configurations, e));
    THEN(s, npz_require(npz, "error_method", NPZ_BYTES, 0, &method, e));
    THEN(s, read_reals(npz, "values", names->count, &rows->values, e));
    THEN(s, read_reals(npz, "errors", names->count, &rows->errors, e));
    THEN(s, read_reals(npz, "tau_int", names->count, &rows->tau_int, e));
    THEN(s, read_reals(npz, "tau_int_error", names->count, &rows->tau_int_error, e));
    TRY(s);
    rows->configurations = (size_t) * (const int64_t *)configurations->data;
    return read_texts(npz, names, method, rows, e);
}

void estimates_free(struct estimates *rows) {
    free(rows->memory);
    *rows = (struct estimates){0};
}

bool estimates_find(const struct estimates *rows, const char *name, size_t length, size_t *index) {
    for (*index = 0; *index < rows->count; ++*index) {
        if (strncmp(rows->names[*index], name, length) == 0 && rows->names[*index][length] == '\0') {
            return true;
        }
    }
    return false;
}
