/* The measurement behind the stage `observables`: every configuration measured, and the observables with their errors.
 * The stage writes what comes out; the tool `export` does it again for the series of each configuration, with the same
 * bits. */
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
    size_t lattice[GEOMETRY_MAX_DIMENSIONS]; /* extents, where the series were read */
    const char *method;                      /* "jackknife" or "gamma", never "auto" */
    struct observables *plan;
    size_t volume, primaries, orbits;
    double *series; /* (primaries, N): what each configuration contributes, chain after chain */
    double *modes;  /* (orbits, N): |phi(p)|^2/V; none where the series were read */
    double values[OBSERVABLES], errors[OBSERVABLES], tau_int[OBSERVABLES], tau_int_error[OBSERVABLES];
    double *orbit_values, *orbit_errors;   /* (orbits) */
    double *propagator, *propagator_error; /* (volume) */
};

/* Measures the configurations in an artifact, which must outlive m, and analyses them. Of the context it uses the
 * parameters (those of the stage `observables`), threads, quiet and interrupted. measurement_release() also after a
 * failure. STATUS_BAD_INPUT names the file and what is wrong in it. */
enum status measurement_make(const struct stage_context *c, const struct npz *fields, struct measurement *m,
                             struct error *e);
/* The same from series.npz, which the stage wrote; without the propagator. */
enum status measurement_read(const struct stage_context *c, const struct npz *series, struct measurement *m,
                             struct error *e);
void measurement_release(struct measurement *m);

/* Writes the series with the layout of the chains: series.npz, which this declares. */
extern const struct stage_file measurement_file;
enum status measurement_write(const struct measurement *m, struct npz_writer *w, struct error *e);

/* The estimator of the observables, with its gradient where the parameter asks for it. */
struct estimator measurement_estimator(const struct stage_context *c, const struct measurement *m);
/* The series as an estimator wants them, and the bins of the jackknife. */
struct series measurement_series(const struct measurement *m);
size_t measurement_bins(const struct stage_context *c, const struct measurement *m);

#endif
