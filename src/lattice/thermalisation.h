/* Whether an ensemble has forgotten how it began. Three comparisons, each in standard deviations:
 *
 *   virial    the mean of sum_x phi dS/dphi / V against 1, its value in equilibrium
 *   start.*   the ensemble against further chains of the same length from the other start (cold if it was hot); where
 *             HMC would reject nearly all of their trajectories, the first eighth of the thermalisation is accepted
 *             unseen
 *   split.*   of one configuration a chain: the same chains at half their length; else the first half of each
 *             chain's configurations against its second half
 *
 * the last two for S/V, phi^2, |M| and M^2 of a configuration. Chains are independent, and their means the only numbers
 * whose spread gives an error that can be trusted near criticality, where a chain may take long to forget anything:
 * of fewer than 16 chains nothing is told. An ensemble passes when start.* or split.* could be told and nothing is off
 * by THERMALISATION_SIGMAS: nine comparisons in equilibrium reach that about once in 10^5 ensembles of many chains,
 * once in 10^3 of 16. However many chains there are, an ensemble fails when half of them or more never moved. */
#ifndef DMSQ_LATTICE_THERMALISATION_H
#define DMSQ_LATTICE_THERMALISATION_H

#include "lattice/ensemble.h"

enum { THERMALISATION_TESTS = 9 };
#define THERMALISATION_SIGMAS 5.0

struct thermalisation {
    double sigmas[THERMALISATION_TESTS]; /* NaN: could not be told (too few chains) */
    int worst;                           /* the test furthest off; -1: none could be done */
    size_t chains, frozen;               /* chains; those whose every proposal was rejected */
    int verdict;                         /* 1: passed, 0: failed, -1: could not be told; what artifacts hold as
                                            `thermalised` */
};

/* The verdict in words, for a run record: "passed: start.phi2 off by -2.1 sigma at most". */
void thermalisation_text(const struct thermalisation *t, char *text, size_t size);

/* A mark `thermalised` in words: "yes", "no", or "unknown" for -1. */
const char *thermalisation_mark(int64_t thermalised);

extern const char *const thermalisation_name[THERMALISATION_TESTS];

/* Tests the ensemble `made` of `plan` (acceptance may be NULL), running up to `chains` further chains for start.* and
 * half as long for split.* of single configurations; 0: those are not told. Bits do not depend on threads. Errors of
 * ensemble_generate. */
enum status thermalisation_test(const struct geometry *g, const struct ensemble_plan *plan, const struct ensemble *made,
                                uint64_t chains, ensemble_report *report, void *context, struct thermalisation *result,
                                struct error *e);

#endif
