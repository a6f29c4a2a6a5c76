#include "stages/estimates.h"

#include <math.h>
#include <stdlib.h>

enum status estimates_add(const struct estimates *rows, struct npz_writer *writer, struct error *e) {
    const size_t n = rows->count;
    double *none = malloc((n + 1) * sizeof *none);
    if (!none) {
        return error_set(e, STATUS_FAILED, "out of memory for %zu estimates", n);
    }
    for (size_t i = 0; i < n; i++) {
        none[i] = NAN;
    }
    enum status status = npz_add_texts(writer, "names", rows->names, n, e);
    THEN(status, npz_add_reals(writer, "values", rows->values, n, e));
    THEN(status, npz_add_reals(writer, "errors", rows->errors, n, e));
    THEN(status, npz_add_reals(writer, "tau_int", rows->tau_int ? rows->tau_int : none, n, e));
    THEN(status, npz_add_reals(writer, "tau_int_error", rows->tau_int_error ? rows->tau_int_error : none, n, e));
    THEN(status, npz_add_text(writer, "error_method", rows->method, e));
    free(none);
    THEN(status, npz_add_integer(writer, "configurations", (int64_t)rows->configurations, e));
    return status;
}
