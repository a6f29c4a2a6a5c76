/* Bins of a round width: see bins.h. */
#include "report/bins.h"

#include <math.h>

/* The smallest of 1, 2, 2.5, 5 times 10^k that is at least x > 0. */
static double round_up(double x) {
    static const double step[] = {1.0, 2.0, 2.5, 5.0, 10.0};
    double power = pow(10.0, floor(log10(x)));
    for (size_t i = 0; i < sizeof step / sizeof step[0]; i++) {
        if (step[i] * power >= x * (1 - 1e-12)) {
            return step[i] * power;
        }
    }
    return 10.0 * power;
}

enum status bins_choose(const double *const *x, const size_t *n, size_t sets, size_t wanted, struct bins *bins,
                        struct error *e) {
    double low = INFINITY, high = -INFINITY;
    for (size_t s = 0; s < sets; s++) {
        for (size_t i = 0; i < n[s]; i++) {
            if (!isfinite(x[s][i])) {
                return error_set(e, STATUS_BAD_INPUT,
                                 "histogram: found %g in dataset %zu at %zu, expected finite "
                                 "numbers",
                                 x[s][i], s + 1, i);
            }
            low = fmin(low, x[s][i]);
            high = fmax(high, x[s][i]);
        }
    }
    if (!(low <= high) || wanted == 0) {
        return error_set(e, STATUS_BAD_INPUT, "histogram: found no numbers, expected at least one");
    }
    double span = high - low, least = 1e-6 * fmax(fabs(low), fabs(high));
    span = span > least ? span : least > 0 ? least : 1.0; /* equal numbers need a width too */
    double width = round_up(span / (double)wanted);
    double first = floor(low / width), last = floor(high / width) + 1;
    bins->low = first * width;
    bins->high = last * width;
    bins->count = (size_t)(last - first);
    return STATUS_OK;
}
