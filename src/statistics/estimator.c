/* Means of measured series and functions of them: see estimator.h. */
#include "statistics/estimator.h"

#include <math.h>
#include <string.h>

#include "base/sum.h"

void series_means(const struct series *s, double *means) {
    for (size_t a = 0; a < s->primaries; a++) {
        means[a] = sum_tree(s->data + a * s->configurations, s->configurations) / (double)s->configurations;
    }
}

void estimator_evaluate(const struct estimator *f, const double *means, double *values) {
    if (f->evaluate) {
        f->evaluate(means, values, f->context);
    } else {
        memcpy(values, means, f->values * sizeof *values);
    }
}

enum status series_check(const struct series *s, const struct estimator *f, struct error *e) {
    if (s->primaries == 0 || s->configurations == 0) {
        return error_set(e, STATUS_BAD_INPUT, "series: %zu observables on %zu configurations, expected at least 1",
                         s->primaries, s->configurations);
    }
    if (s->chains == 0 || s->configurations % s->chains) {
        return error_set(e, STATUS_BAD_INPUT, "series: %zu chains do not divide %zu configurations", s->chains,
                         s->configurations);
    }
    if (!f->evaluate && f->values != s->primaries) {
        return error_set(e, STATUS_BAD_INPUT, "series: found %zu values for %zu means, expected equal numbers",
                         f->values, s->primaries);
    }
    for (size_t i = 0; i < s->primaries * s->configurations; i++) {
        if (!isfinite(s->data[i])) {
            return error_set(e, STATUS_BAD_INPUT,
                             "series: observable %zu of configuration %zu is %g, expected a finite number",
                             i / s->configurations, i % s->configurations, s->data[i]);
        }
    }
    return STATUS_OK;
}
