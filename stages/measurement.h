/* The measurement of the stage `observables`: the series over the configurations, and the observables with their
 * errors. The tool `export` repeats it to write the series, with the same bits. */
#ifndef DMSQ_STAGES_MEASUREMENT_H
#define DMSQ_STAGES_MEASUREMENT_H

#include "lattice/geometry.h"
#include "lattice/observables.h"
#include "stages/fields.h"
#include "stages/stage.h"
#include "statistics/estimator.h"

#define MEASUREMENT_SERIES "series.npz"

struct measurement {
    struct fields fields;                    /* cut to the parameter `first` */
    size_t lattice[GEOMETRY_MAX_DIMENSIONS]; /* extents, set by measurement_read */
    const char *method;                      /* "jackknife" or "gamma", never "auto" */
    struct observables *plan;
    size_t volume, primaries, orbits;
    double *series; /* (primaries, N): value of each primary observable in each configuration, chain after chain */
    double *modes;  /* (orbits, N): |phi(p)|^2/V; NULL after measurement_read */
    double values[OBSERVABLES], errors[OBSERVABLES], tau_int[OBSERVABLES], tau_int_error[OBSERVABLES];
    double *orbit_values, *orbit_errors;   /* (orbits) */
    double *propagator, *propagator_error; /* (volume) */
};

/* Measures the configurations in an artifact, which must outlive m, and analyses them. Of the context it uses the
 * parameters (those of the stage `observables`), threads, quiet and interrupted. Call measurement_release() also after
 * a failure. STATUS_BAD_INPUT: the message names the file and its error. */
enum status measurement_make(const struct stage_context *c, const struct npz *fields, struct measurement *m,
                             struct error *e);
/* The same from the series.npz of the stage, without the propagator. */
enum status measurement_read(const struct stage_context *c, const struct npz *series, struct measurement *m,
                             struct error *e);
void measurement_release(struct measurement *m);

/* series.npz: its declaration, and the function that writes the series with the layout of the chains. */
extern const struct stage_file measurement_file;
enum status measurement_write(const struct measurement *m, struct npz_writer *w, struct error *e);

/* The estimator of the observables, with its gradient if the parameter `derivatives` is exact. */
struct estimator measurement_estimator(const struct stage_context *c, const struct measurement *m);
/* The series as the argument of an estimator, and the number of bins of the jackknife. */
struct series measurement_series(const struct measurement *m);
size_t measurement_bins(const struct stage_context *c, const struct measurement *m);

#endif
