/* The Gamma method; formulas and contract in gamma_method.h. */
#include "statistics/gamma_method.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

#include "base/functions.h"
#include "base/sum.h"

/* Gamma(t) of the projected series a; `products` (N) is scratch. */
static double autocovariance(const double *a, size_t chains, size_t length, size_t t, double *products) {
    const size_t pairs = length - t;
    for (size_t r = 0; r < chains; r++) {
        products[r] = dot_tree(a + r * length, a + r * length + t, pairs);
    }
    return sum_tree(products, chains) / (double)(chains * pairs);
}

static void analyse(const double *a, size_t chains, size_t length, double S, double *products,
                    struct gamma_result *result) {
    const double N = (double)(chains * length);
    const double gamma0 = autocovariance(a, chains, length, 0, products);
    result->tau_int = 0.5;
    result->tau_int_error = 0.0;
    result->window = 0;
    result->closed = false;
    if (isnan(gamma0)) { /* the estimator itself is not a number */
        result->error = result->error_of_error = result->tau_int = result->tau_int_error = gamma0;
        return;
    }
    if (gamma0 < 10.0 * DBL_MIN) { /* a constant */
        result->error = result->error_of_error = 0.0;
        return;
    }
    if (S == 0.0) {
        result->closed = true;
        result->error = sqrt(gamma0 / (N - 1.0));
        result->error_of_error = result->error * sqrt(0.5 / N);
        return;
    }
    const size_t last = length / 2 - 1;
    double sum = 0.5, tau = 0.5;
    size_t W = 0;
    while (!result->closed && W < last) {
        W++;
        sum += autocovariance(a, chains, length, W, products) / gamma0;
        tau = sum > 0.5 ? sum : 0.5 + DBL_EPSILON;
        const double w = (double)W, scale = S / function_log((2.0 * tau + 1.0) / (2.0 * tau - 1.0));
        result->closed = function_exp(-w / scale) - scale / sqrt(w * N) < 0.0;
    }
    const double w = (double)W;
    result->window = W;
    result->tau_int = tau * (1.0 + (2.0 * w + 1.0) / N) / (1.0 + 1.0 / N);
    result->tau_int_error = 2.0 * tau * sqrt(fabs(w + 0.5 - tau) / N);
    result->error = sqrt(2.0 * result->tau_int * gamma0 * (1.0 + 1.0 / N) / N);
    result->error_of_error = result->error * sqrt((w + 0.5) / N);
}

/* gradient (values, primaries) of F at the means, by symmetric differences of steps[primaries]. */
static void differentiate(const struct series *s, const struct estimator *f, double *means, const double *steps,
                          double *above, double *below, double *gradient) {
    for (size_t alpha = 0; alpha < s->primaries; alpha++) {
        const double mean = means[alpha], h = steps[alpha];
        means[alpha] = mean + h;
        estimator_evaluate(f, means, above);
        means[alpha] = mean - h;
        estimator_evaluate(f, means, below);
        means[alpha] = mean;
        for (size_t v = 0; v < f->values; v++) {
            gradient[v * s->primaries + alpha] = h > 0.0 ? (above[v] - below[v]) / (2.0 * h) : 0.0;
        }
    }
}

/* For the projection of a series: means, values of the estimator, and gradient (NULL: the estimator is the means). */
struct projection {
    double *means, *steps, *value, *above, *below, *gradient;
};

static void projection_release(struct projection *p) {
    free(p->means); /* one block with all members but the gradient */
    free(p->gradient);
}

/* Computes the members of *p; a[N] is scratch. */
static enum status projection_make(const struct series *s, const struct estimator *f, double *a, struct projection *p,
                                   struct error *e) {
    const size_t N = s->configurations, primaries = s->primaries, values = f->values;
    p->means = malloc((2 * primaries + 3 * values) * sizeof *p->means);
    p->gradient = f->evaluate ? malloc(values * primaries * sizeof *p->gradient) : NULL;
    if (!p->means || (f->evaluate && !p->gradient)) {
        projection_release(p);
        return error_set(e, STATUS_FAILED, "Gamma method: out of memory");
    }
    p->steps = p->means + primaries;
    p->value = p->steps + primaries;
    p->above = p->value + values;
    p->below = p->above + values;
    series_means(s, p->means);
    estimator_evaluate(f, p->means, p->value);
    if (f->evaluate) {
        for (size_t alpha = 0; alpha < primaries; alpha++) {
            for (size_t i = 0; i < N; i++) {
                a[i] = s->data[alpha * N + i] - p->means[alpha];
            }
            p->steps[alpha] = sqrt(dot_tree(a, a, N)) / (double)N;
        }
        if (f->differentiate) {
            f->differentiate(p->means, p->gradient, f->context);
        } else {
            differentiate(s, f, p->means, p->steps, p->above, p->below, p->gradient);
        }
    }
    return STATUS_OK;
}

/* The projected series a[N] of value v. */
static void project(const struct series *s, const struct projection *p, size_t v, double *a) {
    const size_t N = s->configurations;
    if (!p->gradient) {
        for (size_t i = 0; i < N; i++) {
            a[i] = s->data[v * N + i] - p->means[v];
        }
        return;
    }
    for (size_t i = 0; i < N; i++) {
        a[i] = 0.0;
    }
    for (size_t alpha = 0; alpha < s->primaries; alpha++) {
        const double slope = p->gradient[v * s->primaries + alpha];
        if (slope != 0.0) {
            for (size_t i = 0; i < N; i++) {
                a[i] += slope * (s->data[alpha * N + i] - p->means[alpha]);
            }
        }
    }
}

enum status gamma_method_project(const struct series *s, const struct estimator *f, double *projected,
                                 struct error *e) {
    struct projection p;
    enum status status = series_check(s, f, e);
    THEN(status, projection_make(s, f, projected, &p, e));
    if (status == STATUS_OK) {
        for (size_t v = 0; v < f->values; v++) {
            project(s, &p, v, projected + v * s->configurations);
        }
        projection_release(&p);
    }
    return status;
}

enum status gamma_method(const struct series *s, const struct estimator *f, double S, struct gamma_result *results,
                         struct error *e) {
    TRY(series_check(s, f, e));
    const size_t N = s->configurations, length = N / s->chains;
    if (!(S >= 0.0) || isinf(S)) {
        return error_set(e, STATUS_BAD_INPUT, "Gamma method: S = %g, expected a number >= 0", S);
    }
    if (S > 0.0 ? length < 4 : N < 2) {
        return error_set(e, STATUS_BAD_INPUT, "Gamma method: chains of %zu configurations, expected at least %d",
                         length, S > 0.0 ? 4 : 2);
    }
    struct projection p;
    double *a = malloc(2 * N * sizeof *a), *scratch = a + N;
    enum status status =
        a ? projection_make(s, f, a, &p, e) : error_set(e, STATUS_FAILED, "Gamma method: out of memory");
    if (status == STATUS_OK) {
        for (size_t v = 0; v < f->values; v++) {
            project(s, &p, v, a);
            results[v].value = p.value[v];
            analyse(a, s->chains, length, S, scratch, &results[v]);
        }
        projection_release(&p);
    }
    free(a);
    return status;
}
