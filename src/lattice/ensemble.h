/* An ensemble of phi^4 configurations: C chains, each thermalised and then measured K times. */
#ifndef DMSQ_LATTICE_ENSEMBLE_H
#define DMSQ_LATTICE_ENSEMBLE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "lattice/sampler.h"

struct ensemble_plan {
    struct sampler_settings sampler;
    uint64_t chains;         /* C >= 1 */
    uint64_t first_chain;    /* number of the first chain; an ensemble made in parts has the same bits */
    uint64_t measurements;   /* K >= 1 per chain */
    uint64_t thermalisation; /* steps before the first measurement */
    uint64_t stride;         /* steps from one measurement to the next */
    int threads;             /* >= 1; results do not depend on it */
};

/* Arrays of the caller. Configuration k of chain c is number c K + k. The last two are means over the steps after the
 * first half of the thermalisation; exp_minus_dH is NaN for algorithms other than HMC. */
struct ensemble {
    float *phi;           /* (C K, volume) */
    double *action;       /* (C K) S/V, of the field before rounding to float */
    double *virial;       /* (C K) sum_x phi dS/dphi / V */
    double *acceptance;   /* (C) */
    double *exp_minus_dH; /* (C) */
};

/* Called from time to time, from any thread, with the number of finished steps of all chains, out of
 * C (thermalisation + (K-1) stride). The work ends soon after it returns false. */
typedef bool ensemble_report(void *context, uint64_t steps);

/* Fills the arrays. report may be NULL. STATUS_FAILED: out of memory; a field is no longer finite (Langevin with too
 * large a step); or report returned false ("interrupted"). */
enum status ensemble_generate(const struct geometry *g, const struct ensemble_plan *plan, const struct ensemble *out,
                              ensemble_report *report, void *context, struct error *e);

#endif
