/* See measurement.h. */
#include "stages/measurement.h"

#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/progress.h"
#include "stages/arrays.h"
#include "statistics/gamma_method.h"
#include "statistics/jackknife.h"

/* The scatter of the means of 16 chains gives an error with a relative accuracy of a fifth. */
enum { ENOUGH_CHAINS = 16 };

/* Fills the series of all configurations, in parallel. */
static enum status measure(const struct stage_context *c, struct measurement *m, struct error *e) {
    const struct fields *fields = &m->fields;
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
                             "%s: configuration %zu of phi has action density %g, expected a finite number",
                             fields->path, i, m->series[PRIMARY_ACTION * N + i]);
        }
    }
    return STATUS_OK;
}

static enum status analyse_jackknife(const struct series *series, const struct series *modes,
                                     const struct estimator *estimator, size_t bins, struct measurement *m,
                                     struct error *e) {
    const struct fields *fields = &m->fields;
    const struct estimator means = {.values = m->orbits};
    /* a single configuration has chi2 = 0 and U_L = 2/3, whatever the field */
    if (bins > 1 && bins <= fields->configurations &&
        fields->configurations - (fields->configurations - 1) / bins - 1 < 2) {
        return error_set(e, STATUS_BAD_INPUT,
                         "%zu configurations in %zu bins found, expected at least 2 outside the largest bin",
                         fields->configurations, bins);
    }
    for (int k = 0; k < OBSERVABLES; k++) {
        /* bins that are whole chains give no autocorrelation time */
        m->tau_int[k] = fields->header.independent ? 0.5 : NAN;
        m->tau_int_error[k] = fields->header.independent ? 0.0 : NAN;
    }
    const enum status status = jackknife(series, estimator, bins, m->values, m->errors, e);
    return status != STATUS_OK || m->orbits == 0 ? status
                                                 : jackknife(modes, &means, bins, m->orbit_values, m->orbit_errors, e);
}

/* Gamma method for all observables. Where its window does not close, `errors` keeps the jackknife over chains. */
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
                                 const struct estimator *estimator, double S, struct measurement *m, struct error *e) {
    const struct estimator means = {.values = m->orbits};
    const size_t chains = series->chains;
    struct gamma_result results[OBSERVABLES], *orbits = malloc((m->orbits + 1) * sizeof *orbits);
    if (!orbits) {
        return error_set(e, STATUS_FAILED, "out of memory for %zu modes", m->orbits);
    }
    enum status status = STATUS_OK;
    if (chains >= ENOUGH_CHAINS) {
        status = jackknife(series, estimator, chains, m->values, m->errors, e);
        status =
            status || m->orbits == 0 ? status : jackknife(modes, &means, chains, m->orbit_values, m->orbit_errors, e);
    }
    THEN(status, window_all(series, estimator, S, results, m->values, m->errors, e));
    status =
        status || m->orbits == 0 ? status : window_all(modes, &means, S, orbits, m->orbit_values, m->orbit_errors, e);
    for (int k = 0; status == STATUS_OK && k < OBSERVABLES; k++) {
        m->tau_int[k] = results[k].closed ? results[k].tau_int : NAN;
        m->tau_int_error[k] = results[k].closed ? results[k].tau_int_error : NAN;
    }
    free(orbits);
    return status;
}

struct series measurement_series(const struct measurement *m) {
    return (struct series){m->series, m->primaries, m->fields.configurations, m->fields.header.chains};
}

size_t measurement_bins(const struct stage_context *c, const struct measurement *m) {
    const size_t bins = (size_t)parameters_integer(c->parameters, "bins");
    return bins > 0 ? bins : m->fields.header.independent ? m->fields.configurations : m->fields.header.chains;
}

struct estimator measurement_estimator(const struct stage_context *c, const struct measurement *m) {
    return (struct estimator){.values = OBSERVABLES,
                              .evaluate = observables_evaluate,
                              .context = m->plan,
                              .differentiate =
                                  parameters_is(c->parameters, "gradient", "exact") ? observables_differentiate : NULL};
}

static enum status analyse(const struct stage_context *c, struct measurement *m, struct error *e) {
    const struct series series = measurement_series(m),
                        modes = {m->modes, m->orbits, m->fields.configurations, m->fields.header.chains};
    const struct estimator estimator = measurement_estimator(c, m);
    const enum status status =
        strcmp(m->method, "gamma") == 0
            ? analyse_gamma(&series, &modes, &estimator, parameters_real(c->parameters, "window"), m, e)
            : analyse_jackknife(&series, &modes, &estimator, measurement_bins(c, m), m, e);
    if (status != STATUS_OK) {
        return error_prefix(e, "%s", m->fields.path);
    }
    if (m->orbits > 0) {
        observables_expand(m->plan, m->orbit_values, m->propagator);
        observables_expand(m->plan, m->orbit_errors, m->propagator_error);
    }
    return STATUS_OK;
}

static enum status allocate(struct measurement *m, struct error *e) {
    const struct fields *fields = &m->fields;
    const enum status status =
        observables_new(fields->extents, fields->dimensions, &fields->header.theory, &m->plan, e);
    if (status != STATUS_OK) {
        return error_prefix(e, "%s: phi", fields->path);
    }
    const size_t N = fields->configurations;
    m->volume = observables_volume(m->plan);
    m->primaries = observables_primaries(m->plan);
    m->orbits = fields->phi ? observables_orbits(m->plan) : 0;
    m->series = malloc(m->primaries * N * sizeof(double));
    m->modes = malloc((m->orbits * N + 1) * sizeof(double));
    m->orbit_values = malloc((2 * m->orbits + 1) * sizeof(double));
    m->propagator = malloc(2 * m->volume * sizeof(double));
    if (!m->series || !m->modes || !m->orbit_values || !m->propagator) {
        return error_set(e, STATUS_FAILED, "out of memory for %zu configurations of %zu sites", N, m->volume);
    }
    m->orbit_errors = m->orbit_values + m->orbits;
    m->propagator_error = m->propagator + m->volume;
    return STATUS_OK;
}

/* Restricts the fields to the first configurations. */
static enum status take_first(size_t first, struct fields *fields, struct error *e) {
    if (first == 0) {
        return STATUS_OK;
    }
    if (first < 2 || first > fields->configurations || (fields->header.chains > 1 && !fields->header.independent)) {
        return error_set(
            e, STATUS_BAD_INPUT,
            "%s: %zu configurations in %zu chains found; first = %zu expected independent configurations or a single "
            "chain",
            fields->path, fields->configurations, fields->header.chains, first);
    }
    fields->configurations = first;
    fields->header.chains = fields->header.independent ? first : 1;
    return STATUS_OK;
}

static void choose_method(const struct stage_context *c, struct measurement *m) {
    m->method = parameters_text(c->parameters, "method");
    if (strcmp(m->method, "auto") == 0) {
        m->method = m->fields.header.independent ? "jackknife" : "gamma";
    }
}

enum status measurement_make(const struct stage_context *c, const struct npz *fields, struct measurement *m,
                             struct error *e) {
    *m = (struct measurement){0};
    TRY(fields_read(fields, &m->fields, e));
    TRY(take_first((size_t)parameters_integer(c->parameters, "first"), &m->fields, e));
    choose_method(c, m);
    enum status status = allocate(m, e);
    THEN(status, measure(c, m, e));
    THEN(status, analyse(c, m, e));
    return status;
}

static const struct stage_array series_arrays[] = {
    {"primaries", NPZ_BYTES, "P", "",
     "Names of the series: M, M2, M4, abs_M, mean_abs_phi, phi2, action, virial, and G1, G2, ... for G(p) at the "
     "smallest momentum of each direction."},
    {"series", NPZ_FLOAT64, "P, N", "",
     "Values of the series for each of the N configurations, chain after chain; observables are functions of their "
     "means. phi2, action and virial are per site."},
    {"lattice", NPZ_INT64, "d", "sites", "Extents of the lattice."},
    {"chains", NPZ_INT64, "", "", "Number of Markov chains C, each of N/C configurations in sequence."},
    {"independent", NPZ_INT64, "", "", "1: the N configurations are independent of each other; 0: they are not."},
    ARRAYS_COUPLINGS,
    ARRAY_THERMALISED,
};

const struct stage_file measurement_file = {MEASUREMENT_SERIES, series_arrays,
                                            sizeof series_arrays / sizeof *series_arrays};

enum status measurement_write(const struct measurement *m, struct npz_writer *w, struct error *e) {
    const struct fields *f = &m->fields;
    char text[PRIMARY_FIRST_MODE + GEOMETRY_MAX_DIMENSIONS][16];
    const char *names[PRIMARY_FIRST_MODE + GEOMETRY_MAX_DIMENSIONS];
    for (size_t a = 0; a < m->primaries; a++) {
        observables_primary_name(a, text[a]);
        names[a] = text[a];
    }
    const size_t shape[2] = {m->primaries, f->configurations};
    int64_t *lattice = malloc(f->dimensions * sizeof *lattice);
    if (!lattice) {
        return error_set(e, STATUS_FAILED, "out of memory");
    }
    for (size_t mu = 0; mu < f->dimensions; mu++) {
        lattice[mu] = (int64_t)f->extents[mu];
    }
    enum status status = npz_add_owned(w, "lattice", NPZ_INT64, 1, &f->dimensions, lattice, e);
    THEN(status, npz_add_texts(w, "primaries", names, m->primaries, e));
    THEN(status, npz_add_real_array(w, "series", 2, shape, m->series, e));
    THEN(status, npz_add_integer(w, "chains", (int64_t)f->header.chains, e));
    THEN(status, npz_add_integer(w, "independent", f->header.independent, e));
    THEN(status, header_add_theory(w, &f->header.theory, e));
    THEN(status, header_add_thermalised(w, f->header.thermalised, e));
    return status;
}

static enum status read_lattice(const struct npz *npz, struct measurement *m, struct error *e) {
    const struct npz_array *lattice;
    TRY(npz_require(npz, "lattice", NPZ_INT64, 1, &lattice, e));
    for (size_t mu = 0; mu < lattice->count; mu++) {
        const int64_t extent = ((const int64_t *)lattice->data)[mu];
        if (mu == GEOMETRY_MAX_DIMENSIONS || extent < 1) {
            return error_set(e, STATUS_BAD_INPUT, "%s: array lattice: expected a list of at most %d extents",
                             npz_path(npz), GEOMETRY_MAX_DIMENSIONS);
        }
        m->lattice[mu] = (size_t)extent;
    }
    m->fields.dimensions = lattice->count;
    m->fields.extents = m->lattice;
    return STATUS_OK;
}

enum status measurement_read(const struct stage_context *c, const struct npz *npz, struct measurement *m,
                             struct error *e) {
    const struct npz_array *series;
    *m = (struct measurement){.fields = {.path = npz_path(npz)}};
    TRY(npz_require(npz, "series", NPZ_FLOAT64, 2, &series, e));
    TRY(read_lattice(npz, m, e));
    m->fields.configurations = series->shape[1];
    enum status status = header_read(npz, m->fields.configurations, &m->fields.header, e);
    choose_method(c, m);
    THEN(status, allocate(m, e));
    if (status == STATUS_OK && series->shape[0] != m->primaries) {
        status = error_set(e, STATUS_BAD_INPUT, "%s: %zu series, expected %zu", npz_path(npz), series->shape[0],
                           m->primaries);
    }
    if (status == STATUS_OK) {
        memcpy(m->series, series->data, series->count * sizeof(double));
    }
    THEN(status, analyse(c, m, e));
    return status;
}

void measurement_release(struct measurement *m) {
    observables_free(m->plan);
    free(m->series);
    free(m->modes);
    free(m->orbit_values); /* with orbit_errors, in the same block */
    free(m->propagator);
}
