#include "statistics/weights.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/functions.h"
#include "base/sum.h"

const char *const weights_name[WEIGHTS_STATISTICS] = {
    "R2", "slope", "var_log_w", "effective_sample_size", "acceptance", "acceptance_gaussian"};

/* One configuration: S and S_eff minus their means, which avoids cancellation, and its weight in sums relative to the
 * largest: w for proposals, 1/w for configurations of the target. */
struct point {
    double action, effective, weight;
    size_t number;
    bool rejected; /* action and effective are 0 */
};

static int by_weight(const void *a, const void *b) {
    const struct point *p = a, *q = b;
    if (p->weight != q->weight) {
        return p->weight < q->weight ? -1 : 1;
    }
    return p->number < q->number ? -1 : p->number > q->number;
}

/* The statistics without the configurations begin .. end-1. The points are sorted, so that min(w, w') of a pair is the
 * weight of the first. */
static void evaluate(const struct point *points, size_t total, size_t begin, size_t end, enum weights_origin origin,
                     double *values) {
    const double n = (double)(total - (end - begin));
    double S = 0, E = 0, SS = 0, EE = 0, SE = 0, w = 0, ww = 0, inverse = 0, pairs = 0, before = 0, valid = 0;
    for (size_t i = 0; i < total; i++) {
        const struct point *p = &points[i];
        if (p->number >= begin && p->number < end) {
            continue;
        }
        valid += !p->rejected;
        S += p->action;
        E += p->effective;
        SS += p->action * p->action;
        EE += p->effective * p->effective;
        SE += p->action * p->effective;
        w += p->weight;
        ww += p->weight * p->weight;
        inverse += 1 / p->weight;
        before += 1;
        pairs += p->weight * (n - before);
    }
    const double variance_S = SS - S * S / valid, variance_E = EE - E * E / valid, covariance = SE - S * E / valid;
    const double difference = fmax(0, variance_S + variance_E - 2 * covariance);
    values[WEIGHTS_R2] = 1 - difference / variance_S;
    values[WEIGHTS_SLOPE] = covariance / variance_S;
    values[WEIGHTS_VAR_LOG_W] = difference / (valid - 1);
    values[WEIGHTS_EFFECTIVE_SAMPLE_SIZE] = origin == WEIGHTS_PROPOSALS ? w * w / (n * ww) : n * n / (w * inverse);
    values[WEIGHTS_ACCEPTANCE] = 2 * pairs / ((n - 1) * w);
    values[WEIGHTS_ACCEPTANCE_GAUSSIAN] = erfc(sqrt(values[WEIGHTS_VAR_LOG_W]) / 2);
}

static enum status prepare(const double *action, const double *log_q, size_t n, enum weights_origin origin,
                           struct point *points, struct error *e) {
    double S = 0, E = 0;
    size_t valid = 0;
    double *sums = malloc(2 * n * sizeof *sums);
    if (!sums) {
        return error_set(e, STATUS_FAILED, "out of memory for %zu weights", n);
    }
    for (size_t i = 0; i < n; i++) {
        if (origin == WEIGHTS_PROPOSALS && log_q[i] == INFINITY) {
            continue;
        }
        if (!isfinite(action[i]) || !isfinite(log_q[i])) {
            free(sums);
            return error_set(e, STATUS_BAD_INPUT,
                             "configuration %zu has action %g and log q %g, expected finite numbers", i, action[i],
                             log_q[i]);
        }
        sums[valid] = action[i];
        sums[n + valid++] = log_q[i];
    }
    if (valid > 0) {
        S = sum_tree(sums, valid) / (double)valid;
        E = -sum_tree(sums + n, valid) / (double)valid;
    }
    free(sums);
    double largest = -INFINITY;
    for (size_t i = 0; i < n; i++) {
        if (origin == WEIGHTS_PROPOSALS && log_q[i] == INFINITY) {
            points[i] = (struct point){0, 0, -INFINITY, i, true};
            continue;
        }
        const double log_w = (-log_q[i] - E) - (action[i] - S);
        points[i] =
            (struct point){action[i] - S, -log_q[i] - E, origin == WEIGHTS_PROPOSALS ? log_w : -log_w, i, false};
        largest = fmax(largest, points[i].weight);
    }
    for (size_t i = 0; i < n; i++) {
        /* not below e^-350, so that squares do not underflow */
        points[i].weight = points[i].rejected ? 0 : function_exp(fmax(points[i].weight - largest, -350));
    }
    qsort(points, n, sizeof *points, by_weight);
    return STATUS_OK;
}

size_t weights_bins(size_t n) {
    enum { MOST = 1024 };
    return n < MOST ? n : MOST;
}

enum status weights_analyse(const double *action, const double *log_q, size_t n, enum weights_origin origin,
                            size_t bins, double *values, double *errors, struct error *e) {
    if (bins < 2 || bins > n) {
        return error_set(e, STATUS_BAD_INPUT, "%zu bins of %zu configurations, expected 2 to %zu bins", bins, n, n);
    }
    struct point *points = malloc(n * sizeof *points);
    if (!points) {
        return error_set(e, STATUS_FAILED, "out of memory for %zu weights", n);
    }
    enum status status = prepare(action, log_q, n, origin, points, e);
    if (status == STATUS_OK) {
        double sum[WEIGHTS_STATISTICS] = {0}, squares[WEIGHTS_STATISTICS] = {0}, without[WEIGHTS_STATISTICS];
        evaluate(points, n, 0, 0, origin, values);
        for (size_t b = 0; b < bins; b++) {
            const size_t whole = n / bins, rest = n % bins, begin = b * whole + b * rest / bins;
            evaluate(points, n, begin, (b + 1) * whole + (b + 1) * rest / bins, origin, without);
            for (int v = 0; v < WEIGHTS_STATISTICS; v++) {
                sum[v] += without[v] - values[v];
                squares[v] += (without[v] - values[v]) * (without[v] - values[v]);
            }
        }
        const double B = (double)bins;
        for (int v = 0; v < WEIGHTS_STATISTICS; v++) {
            const double spread = squares[v] - sum[v] * sum[v] / B;
            errors[v] = isnan(spread) ? NAN : sqrt(fmax(0, spread) * (B - 1) / B);
            if (isnan(values[v])) {
                values[v] = NAN; /* without its sign, which depends on the compiler */
            }
        }
    }
    free(points);
    return status;
}
