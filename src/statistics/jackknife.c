/* Jackknife errors of functions of means: see jackknife.h. */
#include "statistics/jackknife.h"

#include <math.h>
#include <stdlib.h>

#include "base/sum.h"

/* The first configuration of bin b: floor(b N / B) without overflow of the product. */
static size_t bin_begin(size_t b, size_t bins, size_t configurations) {
    const size_t whole = configurations / bins, rest = configurations % bins;
    return b * whole + b * rest / bins;
}

enum status jackknife_pseudo(const struct series *s, const struct estimator *f, size_t bins, double *values,
                             double *errors, double *pseudo, struct error *e) {
    TRY(series_check(s, f, e));
    const size_t N = s->configurations;
    const size_t B = bins ? bins : N;
    if (B < 2 || B > N) {
        return error_set(e, STATUS_BAD_INPUT, "jackknife: %zu bins of %zu configurations, expected 2 to %zu bins", B, N,
                         N);
    }

    double *memory = calloc(2 * s->primaries + 3 * f->values, sizeof *memory);
    if (!memory) {
        return error_set(e, STATUS_FAILED, "jackknife: out of memory");
    }
    double *means = memory, *without = means + s->primaries, *value = without + s->primaries, *sum = value + f->values,
           *squares = sum + f->values;

    series_means(s, means);
    estimator_evaluate(f, means, values);
    for (size_t b = 0; b < B; b++) {
        const size_t begin = bin_begin(b, B, N), size = bin_begin(b + 1, B, N) - begin;
        /* The mean without the bin, computed from its difference to the full mean to avoid cancellation of large
         * sums. */
        for (size_t a = 0; a < s->primaries; a++) {
            const double bin = sum_tree(s->data + a * N + begin, size) / (double)size;
            without[a] = means[a] + (means[a] - bin) * ((double)size / (double)(N - size));
        }
        estimator_evaluate(f, without, value);
        for (size_t v = 0; v < f->values; v++) {
            const double difference = value[v] - values[v];
            sum[v] += difference;
            squares[v] += difference * difference;
            if (pseudo) {
                pseudo[v * B + b] = difference;
            }
        }
    }
    for (size_t v = 0; v < f->values; v++) {
        const double n = (double)B, spread = squares[v] - sum[v] * sum[v] / n;
        errors[v] = sqrt((spread < 0.0 ? 0.0 : spread) * (n - 1.0) / n);
        for (size_t b = 0; pseudo && b < B; b++) {
            pseudo[v * B + b] = -(n - 1.0) * (pseudo[v * B + b] - sum[v] / n);
        }
    }
    free(memory);
    return STATUS_OK;
}

enum status jackknife(const struct series *s, const struct estimator *f, size_t bins, double *values, double *errors,
                      struct error *e) {
    return jackknife_pseudo(s, f, bins, values, errors, NULL, e);
}
