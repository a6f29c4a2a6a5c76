/* The measurement behind the stage `observables`: every configuration measured, and the observables with their errors. The
 * stage writes what comes out; the tool `export` does it again for the series of each configuration, with the same bits. */
#ifndef DMSQ_STAGES_MEASUREMENT_H
#define DMSQ_STAGES_MEASUREMENT_H

#include "lattice/observables.h"
#include "stages/fields.h"
#include "stages/stage.h"
#include "statistics/estimator.h"

struct measurement {
    struct fields fields; /* cut to the parameter `first` */
    const char *method;   /* "jackknife" or "gamma", never "auto" */
    struct observables *plan;
    size_t volume, primaries, orbits;
    double *series; /* (primaries, N): what each configuration contributes, chain after chain */
    double *modes;  /* (orbits, N): |phi(p)|^2/V */
    double values[OBSERVABLES], errors[OBSERVABLES], tau_int[OBSERVABLES], tau_int_error[OBSERVABLES];
    double *orbit_values, *orbit_errors;   /* (orbits) */
    double *propagator, *propagator_error; /* (volume) */
};

/* Measures the configurations in an artifact, which must outlive m, and analyses them. Of the context it uses the
 * parameters (those of the stage `observables`), threads, quiet and interrupted. measurement_release() also after a
 * failure. STATUS_BAD_INPUT names the file and what is wrong in it. */
enum status measurement_make(const struct stage_context *c, const struct npz *fields, struct measurement *m, struct error *e);
void measurement_release(struct measurement *m);

/* The series as an estimator wants them, and the bins of the jackknife. */
struct series measurement_series(const struct measurement *m);
size_t measurement_bins(const struct stage_context *c, const struct measurement *m);

#endif
