/* How well a density q reproduces exp(-S)/Z, from configurations with known action S and log q: effective action
 * S_eff = -log q, log-weights log w = -S - log q. All of it is independent of Z.
 *
 *   R2                     1 - sum (S - S_eff - mean)^2 / sum (S - mean)^2: A 4.9 with the difference of the means of S
 *                          and S_eff, the unknown log Z, removed
 *   slope                  of the straight line of S_eff against S by least squares
 *   var_log_w              variance of log w
 *   effective_sample_size  (<w>_q)^2/<w^2>_q, a fraction of the number of configurations
 *   acceptance             of the independence Metropolis chain (A 4.13) in equilibrium, <min(w, w')>_qq'/<w>_q over
 *                          all pairs of configurations
 *   acceptance_gaussian    erfc(sqrt(var_log_w)/2), what it is for Gaussian log-weights
 *
 * A proposal whose log q is infinite is one that the chain rejects whatever its state: it has weight 0, counts in the
 * effective sample size and the acceptance, and in nothing else.
 *
 * Averages over q when the configurations are draws from q (proposals). When they are draws from the target, averages
 * are reweighted by 1/w: 1/(<w> <1/w>) and <min(1/w, 1/w')>/<1/w>. Configurations of neither law give
 * neither number. Large weights that did not occur are not seen: with var_log_w of more than about log N the last
 * numbers say little, whatever their error. */
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

/* Bins for n configurations: one each, 1024 at most. */
size_t weights_bins(size_t n);

/* values[] and their jackknife errors[] (WEIGHTS_STATISTICS each) with `bins` consecutive bins of configurations,
 * O(n (bins + log n)). NaN where a number is not defined (a spread of one configuration). STATUS_BAD_INPUT: fewer than
 * 2 bins, more than configurations, or a number that is not finite. */
enum status weights_analyse(const double *action, const double *log_q, size_t n, enum weights_origin origin,
                            size_t bins, double *values, double *errors, struct error *e);

#endif
