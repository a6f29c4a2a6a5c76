/* The stage `observables`: M, chi2, U_L and the other observables of an ensemble (A 4.5-4.7, 4.12,
 * lattice/observables.h), and its two-point function, with errors.
 *
 * Independent configurations (one a chain, or generated): jackknife, every estimator recomputed for each bin. Markov
 * chains: Gamma method, with integrated autocorrelation times in units of the distance of two stored
 * configurations; where its window does not close, and there are enough chains, jackknife over these, and no
 * autocorrelation time. Values are plain estimates from all configurations, without bias corrections.
 *
 * Artifact: `names`, `values`, `errors`, `tau_int`, `tau_int_error` (observables); `error_method`; `configurations`; `thermalised` as it came in;
 * `M`, `abs_M`, `action` (configurations); `propagator`, `propagator_error` (x1, ..., xd), modes as
 * numpy's fftn orders them, averaged over the symmetries of the lattice.
 */
#include <math.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/progress.h"
#include "lattice/observables.h"
#include "stages/fields.h"
#include "stages/stage.h"
#include "statistics/gamma_method.h"
#include "statistics/jackknife.h"

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
     .help = "Measures the first so many configurations only, of a single chain or of independent ones; 0: all."},
    {.name = "bins",
     .type = PARAMETER_INTEGER,
     .default_value = "0",
     .minimum = 0.0,
     .maximum = 1e9,
     .unit = "bins",
     .help = "Bins of the jackknife; 0: one a configuration if they are independent, else one a chain."},
};

static const struct stage_input inputs[] = {
    {.name = "fields",
     .stages = "ensemble|sample|propose|dm-mcmc|orient",
     .required = true,
     .many = false,
     .help = "The configurations to measure."},
};

/* So many chains give an error to a fifth of itself by their means alone. */
enum { ENOUGH_CHAINS = 16 };

/* What is measured and computed. */
struct measurement {
    struct observables *plan;
    size_t volume, primaries, orbits;
    double *series; /* (primaries, N) */
    double *modes;  /* (orbits, N): |phi(p)|^2/V */
    double values[OBSERVABLES], errors[OBSERVABLES], tau_int[OBSERVABLES], tau_int_error[OBSERVABLES];
    double *orbit_values, *orbit_errors;   /* (orbits) */
    double *propagator, *propagator_error; /* (volume) */
};

/* Measures every configuration, each by one thread. */
static enum status measure(const struct stage_context *c, const struct fields *fields, struct measurement *m,
                           struct error *e) {
    const size_t N = fields->configurations, V = m->volume;
    const size_t scratch = V + m->primaries + m->orbits + observables_workspace(m->plan);
    const bool single = fields->phi->type == NPZ_FLOAT32;
    struct progress *progress = progress_new("measure observables", "configurations", N, c->quiet);
    atomic_size_t done = 0;
    atomic_bool no_memory = false;
#pragma omp parallel num_threads(c->threads)
    {
        double *phi = malloc(scratch * sizeof *phi);
        if (!phi) {
            no_memory = true;
        }
#pragma omp for schedule(static)
        for (size_t i = 0; i < N; i++) {
            if (!phi || *c->interrupted) {
                continue;
            }
            double *primaries = phi + V, *modes = primaries + m->primaries, *workspace = modes + m->orbits;
            for (size_t x = 0; x < V; x++) {
                phi[x] = single ? (double)((const float *)fields->phi->data)[i * V + x]
                                : ((const double *)fields->phi->data)[i * V + x];
            }
            observables_measure(m->plan, phi, primaries, modes, workspace);
            for (size_t a = 0; a < m->primaries; a++) {
                m->series[a * N + i] = primaries[a];
            }
            for (size_t o = 0; o < m->orbits; o++) {
                m->modes[o * N + i] = modes[o];
            }
            const size_t now = ++done;
            if (now % 1024 == 0) {
                progress_update(progress, now, NULL);
            }
        }
        free(phi);
    }
    progress_end(progress);
    if (no_memory) {
        return error_set(e, STATUS_FAILED, "out of memory for %zu sites", V);
    }
    if (*c->interrupted) {
        return error_set(e, STATUS_FAILED, "interrupted");
    }
    /* phi^4 overflows first, so that a finite action means a finite field and finite observables. */
    for (size_t i = 0; i < N; i++) {
        if (!isfinite(m->series[PRIMARY_ACTION * N + i])) {
            return error_set(e, STATUS_BAD_INPUT,
                             "%s: configuration %zu of phi has action density %g, expected numbers", fields->path,
                             i, m->series[PRIMARY_ACTION * N + i]);
        }
    }
    return STATUS_OK;
}

static enum status analyse_jackknife(const struct series *series, const struct series *modes,
                                     const struct estimator *estimator, const struct fields *fields, size_t bins,
                                     struct measurement *m, struct error *e) {
    const struct estimator means = {.values = m->orbits};
    if (bins == 0) {
        bins = fields->independent ? fields->configurations : fields->chains;
    }
    /* Of a single configuration chi2 is 0 and U_L is 2/3, whatever it is. */
    if (bins > 1 && bins <= fields->configurations && fields->configurations - (fields->configurations - 1) / bins - 1 < 2) {
        return error_set(e, STATUS_BAD_INPUT, "%zu configurations in %zu bins found, at least 2 without the largest bin expected",
                         fields->configurations, bins);
    }
    for (int k = 0; k < OBSERVABLES; k++) {
        /* Bins of chains know nothing of times within a chain. */
        m->tau_int[k] = fields->independent ? 0.5 : NAN;
        m->tau_int_error[k] = fields->independent ? 0.0 : NAN;
    }
    const enum status status = jackknife(series, estimator, bins, m->values, m->errors, e);
    return status != STATUS_OK ? status : jackknife(modes, &means, bins, m->orbit_values, m->orbit_errors, e);
}

/* Gamma method; errors already holds those of a jackknife over chains, or is of no use. */
static enum status window_all(const struct series *series, const struct estimator *estimator, double S,
                              struct gamma_result *results, double *values, double *errors, struct error *e) {
    const enum status status = gamma_method(series, estimator, S, results, e);
    for (size_t k = 0; status == STATUS_OK && k < estimator->values; k++) {
        values[k] = results[k].value;
        if (results[k].closed || series->chains < ENOUGH_CHAINS) {
            errors[k] = results[k].error;
        }
    }
    return status;
}

static enum status analyse_gamma(const struct series *series, const struct series *modes,
                                 const struct estimator *estimator, double S, struct measurement *m,
                                 struct error *e) {
    const struct estimator means = {.values = m->orbits};
    const size_t chains = series->chains;
    struct gamma_result results[OBSERVABLES], *orbits = malloc(m->orbits * sizeof *orbits);
    if (!orbits) {
        return error_set(e, STATUS_FAILED, "out of memory for %zu modes", m->orbits);
    }
    enum status status = STATUS_OK;
    if (chains >= ENOUGH_CHAINS) {
        status = jackknife(series, estimator, chains, m->values, m->errors, e);
        status = status ? status : jackknife(modes, &means, chains, m->orbit_values, m->orbit_errors, e);
    }
    status = status ? status : window_all(series, estimator, S, results, m->values, m->errors, e);
    status = status ? status : window_all(modes, &means, S, orbits, m->orbit_values, m->orbit_errors, e);
    for (int k = 0; status == STATUS_OK && k < OBSERVABLES; k++) {
        m->tau_int[k] = results[k].closed ? results[k].tau_int : NAN;
        m->tau_int_error[k] = results[k].closed ? results[k].tau_int_error : NAN;
    }
    free(orbits);
    return status;
}

static enum status analyse(const struct stage_context *c, const struct fields *fields, const char *method,
                           struct measurement *m, struct error *e) {
    const size_t N = fields->configurations;
    const struct series series = {m->series, m->primaries, N, fields->chains},
                        modes = {m->modes, m->orbits, N, fields->chains};
    const struct estimator estimator = {OBSERVABLES, observables_evaluate, m->plan};
    enum status status;
    if (strcmp(method, "gamma") == 0) {
        status = analyse_gamma(&series, &modes, &estimator, parameters_real(c->parameters, "window"), m, e);
    } else {
        const size_t bins = (size_t)parameters_integer(c->parameters, "bins");
        status = analyse_jackknife(&series, &modes, &estimator, fields, bins, m, e);
    }
    if (status != STATUS_OK) {
        return error_prefix(e, "%s", fields->path);
    }
    observables_expand(m->plan, m->orbit_values, m->propagator);
    observables_expand(m->plan, m->orbit_errors, m->propagator_error);
    return STATUS_OK;
}

static enum status write_artifact(struct stage_context *c, const struct fields *fields, const char *method,
                                  const struct measurement *m, struct error *e) {
    struct npz_writer *w;
    const size_t N = fields->configurations, d = fields->dimensions, k = OBSERVABLES;
    enum status s = stage_artifact(c, &w, e);
    s = s ? s : npz_add_texts(w, "names", observable_names, OBSERVABLES, e);
    s = s ? s : npz_add_reals(w, "values", m->values, k, e);
    s = s ? s : npz_add_reals(w, "errors", m->errors, k, e);
    s = s ? s : npz_add_reals(w, "tau_int", m->tau_int, k, e);
    s = s ? s : npz_add_reals(w, "tau_int_error", m->tau_int_error, k, e);
    s = s ? s : npz_add_text(w, "error_method", method, e);
    s = s ? s : npz_add_integer(w, "configurations", (int64_t)N, e);
    s = s ? s : npz_add_integer(w, "thermalised", fields->thermalised, e);
    s = s ? s : npz_add_reals(w, "M", m->series + PRIMARY_M * N, N, e);
    s = s ? s : npz_add_reals(w, "abs_M", m->series + PRIMARY_ABS_M * N, N, e);
    s = s ? s : npz_add_reals(w, "action", m->series + PRIMARY_ACTION * N, N, e);
    s = s ? s : npz_add_real_array(w, "propagator", d, fields->extents, m->propagator, e);
    s = s ? s : npz_add_real_array(w, "propagator_error", d, fields->extents, m->propagator_error, e);
    return s;
}

static enum status allocate(const struct fields *fields, struct measurement *m, struct error *e) {
    const enum status status = observables_new(fields->extents, fields->dimensions, &fields->theory, &m->plan, e);
    if (status != STATUS_OK) {
        return error_prefix(e, "%s: phi", fields->path);
    }
    const size_t N = fields->configurations;
    m->volume = observables_volume(m->plan);
    m->primaries = observables_primaries(m->plan);
    m->orbits = observables_orbits(m->plan);
    m->series = malloc(m->primaries * N * sizeof(double));
    m->modes = malloc(m->orbits * N * sizeof(double));
    m->orbit_values = malloc(2 * m->orbits * sizeof(double));
    m->propagator = malloc(2 * m->volume * sizeof(double));
    if (!m->series || !m->modes || !m->orbit_values || !m->propagator) {
        return error_set(e, STATUS_FAILED, "out of memory for %zu configurations of %zu sites", N, m->volume);
    }
    m->orbit_errors = m->orbit_values + m->orbits;
    m->propagator_error = m->propagator + m->volume;
    return STATUS_OK;
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

static void release(struct measurement *m) {
    observables_free(m->plan);
    free(m->series);
    free(m->modes);
    free(m->orbit_values); /* and the errors behind */
    free(m->propagator);
}

/* Keeps the first configurations alone. */
static enum status take_first(size_t first, struct fields *fields, struct error *e) {
    if (first == 0) {
        return STATUS_OK;
    }
    if (first < 2 || first > fields->configurations || (fields->chains > 1 && !fields->independent)) {
        return error_set(e, STATUS_BAD_INPUT,
                         "%s: %zu configurations in %zu chains found, the first %zu of independent configurations or of a "
                         "single chain expected", fields->path, fields->configurations, fields->chains, first);
    }
    fields->configurations = first;
    fields->chains = fields->independent ? first : 1;
    return STATUS_OK;
}

static enum status run(struct stage_context *c, struct error *e) {
    struct fields fields;
    struct measurement m = {0};
    enum status status = fields_read(stage_input(c, "fields", 0), &fields, e);
    status = status ? status : take_first((size_t)parameters_integer(c->parameters, "first"), &fields, e);
    if (status != STATUS_OK) {
        return status;
    }
    const char *method = parameters_text(c->parameters, "method");
    if (strcmp(method, "auto") == 0) {
        method = fields.independent ? "jackknife" : "gamma";
    }
    status = allocate(&fields, &m, e);
    status = status ? status : measure(c, &fields, &m, e);
    status = status ? status : analyse(c, &fields, method, &m, e);
    status = status ? status : write_artifact(c, &fields, method, &m, e);
    for (int k = 0; status == STATUS_OK && k < OBSERVABLES; k++) {
        stage_note(c, observable_names[k], "%.6g +- %.2g", isnan(m.values[k]) ? NAN : m.values[k],
                   isnan(m.errors[k]) ? NAN : m.errors[k]);
    }
    release(&m);
    return status;
}

static const char *const outputs[] = {"artifact.npz", NULL};

const struct stage stage_observables = {
    .name = "observables",
    .summary = "Observables and two-point function of an ensemble, with jackknife or Gamma-method errors.",
    .version = 3,
    .uses_backend = false,
    .parameters = table,
    .parameter_count = sizeof table / sizeof *table,
    .inputs = inputs,
    .input_count = sizeof inputs / sizeof *inputs,
    .outputs = outputs,
    .run = run,
    .check = check,
};
