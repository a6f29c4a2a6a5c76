#include "score/effective_levels.h"

#include <stdlib.h>

#include "base/functions.h"

enum status effective_levels_make(const struct effective_model *m, const struct effective_lattices *lattices,
                                  size_t points, const double *log_s, int threads, struct effective_level **level,
                                  struct error *e) {
    const size_t F = m->features.count;
    double *coefficients = malloc((points * F + 1) * sizeof *coefficients);
    if (!coefficients) {
        return error_set(e, STATUS_FAILED, "out of memory for %zu noise levels", points);
    }
    const enum status known = effective_model_coefficients(m, points, log_s, coefficients, e);
    enum status status = known;
#pragma omp parallel for num_threads(threads) schedule(dynamic, 1)
    for (size_t i = 0; i < points; i++) {
        struct effective_filters filters;
        struct error own;
        enum status s = known;
        THEN(s, effective_filters_make(lattices, m->propagator, function_exp(log_s[i]), effective_model_kernels(m),
                                       &filters, &own));
        if (s == STATUS_OK) {
            s = effective_level_new(&filters, &m->features, coefficients + i * F, m->saturation, &level[i], &own);
            effective_filters_release(&filters);
        }
        if (s != STATUS_OK && known == STATUS_OK)
#pragma omp critical(effective_levels)
        {
            status = s;
            *e = own;
        }
    }
    free(coefficients);
    return status;
}

size_t effective_levels_workspace(const struct effective_lattices *lattices, size_t points,
                                  struct effective_level *const *level) {
    size_t most = transform_workspace(lattices->lattice[0].transform);
    for (size_t i = 0; i < points; i++) {
        most = effective_level_workspace(level[i]) > most ? effective_level_workspace(level[i]) : most;
    }
    return most;
}
