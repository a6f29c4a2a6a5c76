#include "statistics/autocorrelation.h"

#include <math.h>
#include <stdlib.h>

#include "base/sum.h"

enum status autocorrelation_function(const double *x, size_t chains, size_t length, size_t lags, size_t window,
                                     double *rho, double *error, struct error *e) {
    const size_t N = chains * length;
    if (lags < 1 || lags > length - (length > 0) || chains < 1) {
        return error_set(e, STATUS_BAD_INPUT,
                         "autocorrelation: %zu lags of %zu chains of %zu configurations, expected 1 to %zu lags", lags,
                         chains, length, length > 0 ? length - 1 : 0);
    }
    const size_t reach = 2 * lags + window < length ? 2 * lags + window : length; /* lags needed for the errors */
    double *a = malloc((N + chains + reach) * sizeof *a);
    if (!a) {
        return error_set(e, STATUS_FAILED, "out of memory for %zu configurations", N);
    }
    double *sums = a + N, *all = sums + chains;
    const double mean = sum_tree(x, N) / (double)N;
    for (size_t i = 0; i < N; i++) {
        a[i] = x[i] - mean;
    }
    for (size_t t = 0; t < reach; t++) {
        for (size_t c = 0; c < chains; c++) {
            sums[c] = dot_tree(a + c * length, a + c * length + t, length - t);
        }
        all[t] = sum_tree(sums, chains) / (double)(chains * (length - t));
    }
    const double variance = all[0];
    for (size_t t = 0; t < reach; t++) {
        all[t] = variance > 0 ? all[t] / variance : NAN;
    }
#define RHO(k) ((k) < reach ? all[k] : 0.0)
    for (size_t t = 0; t < lags; t++) {
        double sum = 0;
        for (size_t k = 1; k <= t + window; k++) {
            const double term = RHO(k + t) + RHO(k > t ? k - t : t - k) - 2 * RHO(k) * all[t];
            sum += term * term;
        }
        rho[t] = all[t];
        error[t] = sqrt(sum / (double)N);
    }
#undef RHO
    free(a);
    return STATUS_OK;
}

enum status autocorrelation_published(const double *x, size_t n, size_t t_max, double *rho, double *tau, double *error,
                                      struct error *e) {
    if (n <= t_max + 1) {
        return error_set(e, STATUS_BAD_INPUT,
                         "autocorrelation: %zu configurations for t_max = %zu, expected more than %zu", n, t_max,
                         t_max + 1);
    }
    double *a = malloc(n * sizeof *a), variance = 0;
    if (!a) {
        return error_set(e, STATUS_FAILED, "out of memory for %zu configurations", n);
    }
    const double mean = sum_tree(x, n) / (double)n; /* does not change C(t), but avoids cancellation of large numbers */
    for (size_t i = 0; i < n; i++) {
        a[i] = x[i] - mean;
    }
    *tau = 0.5;
    for (size_t t = 0; t <= t_max; t++) {
        const double pairs = (double)(n - t);
        const double C =
            dot_tree(a, a + t, n - t) / pairs - sum_tree(a, n - t) / pairs * (sum_tree(a + t, n - t) / pairs);
        variance = t == 0 ? C : variance;
        rho[t] = variance > 0 ? C / variance : NAN;
        *tau += t > 0 ? rho[t] : 0;
    }
    *error = fabs(2 * *tau) * sqrt(fabs((double)t_max + 0.5 - *tau) / (double)n);
    free(a);
    return STATUS_OK;
}
