/* See effective_model.h. */
#include "score/effective_model.h"

#include <math.h>
#include <stdlib.h>

#include "base/functions.h"

/* Second derivatives of the natural cubic spline through n values value[i * stride] with spacing h. room: workspace for
 * n numbers. */
static void spline_curvatures(size_t n, double h, const double *value, size_t stride, double *curvature, double *room) {
    curvature[0] = curvature[(n - 1) * stride] = 0;
    room[0] = 0;
    /* solves c[i-1] + 4 c[i] + c[i+1] = 6/h^2 (v[i-1] - 2 v[i] + v[i+1]) by elimination */
    for (size_t i = 1; i + 1 < n; i++) {
        const double right = 6 / (h * h) * (value[(i - 1) * stride] - 2 * value[i * stride] + value[(i + 1) * stride]);
        const double pivot = 4 - room[i - 1];
        room[i] = 1 / pivot;
        curvature[i * stride] = (right - curvature[(i - 1) * stride]) / pivot;
    }
    for (size_t i = n - 1; i-- > 1;) {
        curvature[i * stride] -= room[i] * curvature[(i + 1) * stride];
    }
}

enum status effective_model_coefficients(const struct effective_model *m, size_t points, const double *log_s,
                                         double *coefficients, struct error *e) {
    const size_t n = m->levels, F = m->features.count;
    const double h = n > 1 ? (m->log_s[n - 1] - m->log_s[0]) / (double)(n - 1) : 1;
    double *curvature = calloc(n * F + n, sizeof *curvature);
    if (!curvature) {
        return error_set(e, STATUS_FAILED, "out of memory for %zu coefficients", n * F);
    }
    for (size_t f = 0; f < F && n > 2; f++) {
        spline_curvatures(n, h, m->coefficients + f, F, curvature + f, curvature + n * F);
    }
    for (size_t i = 0; i < points; i++) {
        const double place = fmin(fmax((log_s[i] - m->log_s[0]) / h, 0), (double)(n - 1));
        const size_t k = n < 2 ? 0 : (size_t)fmin(place, (double)(n - 2));
        const double b = place - (double)k, a = 1 - b;
        const double *v = m->coefficients + k * F, *c = curvature + k * F;
        const bool local = effective_model_is_local(m, log_s[i]);
        for (size_t f = 0; f < F; f++) {
            coefficients[i * F + f] =
                n < 2 ? v[f]
                      : a * v[f] + b * v[F + f] + h * h / 6 * ((a * a * a - a) * c[f] + (b * b * b - b) * c[F + f]);
            if (local && effective_feature_is_graph(&m->features.list[f])) {
                coefficients[i * F + f] = 0;
            }
        }
    }
    free(curvature);
    return STATUS_OK;
}

/* Levels below pairs_above. */
static size_t local_levels(const struct effective_model *m) {
    size_t local = 0;
    while (m->pairs_above > 0 && local < m->levels && function_exp(m->log_s[local]) < m->pairs_above) {
        local++;
    }
    return local;
}

bool effective_model_is_local(const struct effective_model *m, double log_s) {
    const size_t local = local_levels(m);
    return local > 0 && log_s <= m->log_s[local - 1];
}

double effective_model_share(const struct effective_model *m, size_t feature, double log_s) {
    enum { RISE = 3 }; /* levels */
    const size_t local = local_levels(m);
    if (local == 0 || m->levels < 2 || !effective_feature_is_graph(&m->features.list[feature])) {
        return 1;
    }
    const double x = (log_s - m->log_s[local - 1]) / (RISE * (m->log_s[1] - m->log_s[0]));
    return x <= 0 ? 0 : x >= 1 ? 1 : x * x * (3 - 2 * x);
}

size_t effective_model_kernels(const struct effective_model *m) {
    int most = 0;
    for (size_t f = 0; f < m->features.count; f++) {
        most = m->features.list[f].kernel > most ? m->features.list[f].kernel : most;
    }
    return (size_t)most;
}

double effective_model_gain(const struct effective_model *m) {
    double sum = 0;
    for (size_t i = 0; i + 1 < m->levels; i++) {
        sum += 0.5 * (m->gain[i] + m->gain[i + 1]) * (m->log_s[i + 1] - m->log_s[i]);
    }
    return sum;
}

void effective_model_release(struct effective_model *m) {
    free(m->log_s);
    free(m->coefficients);
    free(m->gain);
    m->log_s = m->coefficients = m->gain = NULL;
}
