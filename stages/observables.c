/* Stage `observables`: M, chi2, U_L and the other observables of an ensemble (A 4.5-4.7, 4.12, lattice/observables.h),
 * and its two-point function, with errors.
 *
 * Errors of independent configurations (one per chain, or generated): jackknife, every estimator recomputed for each
 * bin. Errors of Markov chains: Gamma method, with integrated autocorrelation times in units of the distance between
 * stored configurations. If its window does not close and there are enough chains: jackknife over the chains, without
 * an autocorrelation time. Values are estimates from all configurations, without bias corrections.
 *
 * Artifact: `names`, `values`, `errors`, `tau_int`, `tau_int_error` (observables); `error_method`; `configurations`;
 * `thermalised` of the input; `M`, `abs_M`, `action` (configurations); `propagator`, `propagator_error` (x1, ..., xd),
 * modes as numpy's fftn orders them, averaged over the symmetries of the lattice. Beside it, series.npz has all series
 * that the observables are functions of, and the layout of the chains, for `make export` and for other programs. */
#include <math.h>
#include <stdint.h>

#include "report/estimates.h"
#include "stages/arrays.h"
#include "stages/measurement.h"

static const struct parameter table[] = {
    {.name = "method",
     .type = PARAMETER_CHOICE,
     .default_value = "auto",
     .choices = "auto|jackknife|gamma",
     .unit = "",
     .help = "Error analysis; auto: jackknife for independent configurations, Gamma method for Markov chains."},
    {.name = "window",
     .type = PARAMETER_REAL,
     .default_value = "2",
     .minimum = 0.0,
     .maximum = 100.0,
     .unit = "",
     .help = "Parameter S of the Gamma method's automatic window (Wolff 2004 eq. 51); 0: no autocorrelation."},
    {.name = "first",
     .type = PARAMETER_INTEGER,
     .default_value = "0",
     .minimum = 0.0,
     .maximum = 1e9,
     .unit = "configurations",
     .help = "Measures only this many configurations, the first ones of a single chain or of independent ones; "
             "0: all."},
    {.name = "bins",
     .type = PARAMETER_INTEGER,
     .default_value = "0",
     .minimum = 0.0,
     .maximum = 1e9,
     .unit = "bins",
     .help = "Bins of the jackknife; 0: one per configuration if they are independent, else one per chain."},
    {.name = "gradient",
     .type = PARAMETER_CHOICE,
     .default_value = "differences",
     .choices = "differences|exact",
     .later = true,
     .help = "Derivatives of the Gamma method. differences: symmetric differences over one standard error, exact for "
             "all observables but U_L and xi. exact: analytic derivatives, for comparison with other programs that "
             "analyse the series."},
};

static const struct stage_input inputs[] = {
    {.name = "fields",
     .stages = "ensemble|import|sample|propose|dm-mcmc|refresh|orient",
     .required = true,
     .many = false,
     .help = "The configurations to measure."},
};

static enum status write_artifact(struct stage_context *c, const struct measurement *m, struct error *e) {
    const struct fields *fields = &m->fields;
    struct npz_writer *w;
    const size_t N = fields->configurations, d = fields->dimensions;
    enum status status = stage_artifact(c, &w, e);
    const struct estimates rows = {.count = OBSERVABLES,
                                   .names = observable_names,
                                   .values = m->values,
                                   .errors = m->errors,
                                   .tau_int = m->tau_int,
                                   .tau_int_error = m->tau_int_error,
                                   .method = m->method,
                                   .configurations = N};
    THEN(status, estimates_add(&rows, w, e));
    THEN(status, header_add_thermalised(w, fields->header.thermalised, e));
    THEN(status, npz_add_reals(w, "M", m->series + PRIMARY_M * N, N, e));
    THEN(status, npz_add_reals(w, "abs_M", m->series + PRIMARY_ABS_M * N, N, e));
    THEN(status, npz_add_reals(w, "action", m->series + PRIMARY_ACTION * N, N, e));
    THEN(status, npz_add_real_array(w, "propagator", d, fields->extents, m->propagator, e));
    THEN(status, npz_add_real_array(w, "propagator_error", d, fields->extents, m->propagator_error, e));
    THEN(status, stage_arrays(c, MEASUREMENT_SERIES, &w, e));
    THEN(status, measurement_write(m, w, e));
    return status;
}

static enum status check(const struct parameters *p, const char *where, struct error *e) {
    static const char *const counts[] = {"bins", "first"};
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        if (parameters_integer(p, counts[i]) == 1) {
            return error_set(e, STATUS_BAD_INPUT, "%s: %s = 1, expected 0 or at least 2", where, counts[i]);
        }
    }
    return STATUS_OK;
}

static enum status run(struct stage_context *c, struct error *e) {
    struct measurement m;
    enum status status = measurement_make(c, stage_input(c, "fields", 0), &m, e);
    THEN(status, write_artifact(c, &m, e));
    for (int k = 0; status == STATUS_OK && k < OBSERVABLES; k++) {
        stage_note_value(c, observable_names[k], m.values[k], m.errors[k], "");
    }
    measurement_release(&m);
    return status;
}

static const struct stage_array arrays[] = {
    ARRAYS_ESTIMATES,
    ARRAY_THERMALISED,
    {"M", NPZ_FLOAT64, "N", "lattice units", "Magnetization, the mean of phi, of each configuration."},
    {"abs_M", NPZ_FLOAT64, "N", "lattice units", "Its absolute value."},
    {"action", NPZ_FLOAT64, "N", "", "S of each configuration."},
    {"propagator", NPZ_FLOAT64, "x1, ..., xd", "",
     "<|phi(p)|^2>/V; modes as numpy's fftn orders them, averaged over the symmetries of the lattice."},
    {"propagator_error", NPZ_FLOAT64, "x1, ..., xd", "", "Its standard error."},
};

static const char *const outputs[] = {MEASUREMENT_SERIES, "artifact.npz", NULL};

const struct stage stage_observables = {
    .name = "observables",
    .summary = "observables and two-point function of an ensemble, with jackknife or Gamma-method errors",
    .version = 3,
    .uses_backend = false,
    .parameters = table,
    .parameter_count = sizeof table / sizeof *table,
    .inputs = inputs,
    .input_count = sizeof inputs / sizeof *inputs,
    .arrays = arrays,
    .array_count = sizeof arrays / sizeof arrays[0],
    .beside = &measurement_file,
    .outputs = outputs,
    .run = run,
    .check = check,
};
