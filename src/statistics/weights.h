/* Statistics of how well a density q reproduces exp(-S)/Z, from configurations with known action S and log q. The
 * effective action is S_eff = -log q, and the log-weight log w = -S - log q. No statistic depends on Z.
 *
 *   R2                     1 - sum (S - S_eff - mean)^2 / sum (S - mean)^2: A 4.9 with the difference of the means of S
 *                          and S_eff, the unknown log Z, removed
 *   slope                  of the straight line of S_eff against S by least squares
 *   var_log_w              variance of log w
 *   effective_sample_size  (<w>_q)^2/<w^2>_q, a fraction of the number of configurations
 *   acceptance             that of the independence Metropolis chain (A 4.13) in equilibrium, <min(w, w')>_qq'/<w>_q
 *                          over all pairs of configurations
 *   acceptance_gaussian    erfc(sqrt(var_log_w)/2), the acceptance for Gaussian log-weights
 *
 * A proposal with log q = +infinity is always rejected: it has weight 0, and contributes only to the effective sample
 * size and the acceptance.
 *
 * Averages <>_q are over configurations drawn from q (WEIGHTS_PROPOSALS). For configurations drawn from the target
 * (WEIGHTS_TARGET) they are reweighted by 1/w: 1/(<w> <1/w>) and <min(1/w, 1/w')>/<1/w>. For configurations of another
 * distribution, effective sample size and acceptance are meaningless. Neither their values nor their errors account for
 * large weights that did not occur: if var_log_w is larger than about log N, for N configurations, they are
 * unreliable. */
#ifndef DMSQ_STATISTICS_WEIGHTS_H
#define DMSQ_STATISTICS_WEIGHTS_H

#include <stddef.h>

#include "base/error.h"

enum weights_statistic {
    WEIGHTS_R2,
    WEIGHTS_SLOPE,
    WEIGHTS_VAR_LOG_W,
    WEIGHTS_EFFECTIVE_SAMPLE_SIZE,
    WEIGHTS_ACCEPTANCE,
    WEIGHTS_ACCEPTANCE_GAUSSIAN,
    WEIGHTS_STATISTICS
};
extern const char *const weights_name[WEIGHTS_STATISTICS];

enum weights_origin { WEIGHTS_PROPOSALS, WEIGHTS_TARGET };

/* Number of jackknife bins for n configurations: n, but at most 1024. */
size_t weights_bins(size_t n);

/* values[WEIGHTS_STATISTICS] and their jackknife errors[WEIGHTS_STATISTICS] with `bins` consecutive bins of action[n]
 * and log_q[n]; the cost is O(n (bins + log n)). NaN: not defined (the variance of one configuration).
 * STATUS_BAD_INPUT: fewer than 2 bins, more bins than configurations, or a number that is not finite. STATUS_FAILED:
 * out of memory. */
enum status weights_analyse(const double *action, const double *log_q, size_t n, enum weights_origin origin,
                            size_t bins, double *values, double *errors, struct error *e);

#endif
