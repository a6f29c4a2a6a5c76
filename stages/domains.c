/* Stage `domains`: walls between domains of opposite sign in configurations, and the fraction of configurations with
 * walls that wind around the lattice (src/lattice/domains.h). Such walls remain where chains with a hot start in the
 * broken phase have not yet settled in one of the two phases.
 *
 * Artifact, as for the stage `observables`: `names`, `values`, `errors`, `tau_int`, `tau_int_error`; `error_method`;
 * `configurations`; `thermalised` of the input; and `walls`, `walled` of each configuration. The observables are
 *   walls    fraction of the bonds whose ends have opposite signs
 *   walled   fraction of the configurations with a wall that winds around the lattice
 * Errors: jackknife, with one bin per configuration if they are independent, else one per chain (16 bins of a single
 * chain). If no configuration or every one is walled, the bins do not scatter; the error is then that of one bin. */
#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "lattice/domains.h"
#include "report/estimates.h"
#include "stages/arrays.h"
#include "stages/fields.h"
#include "stages/stage.h"
#include "statistics/jackknife.h"

enum { WALLS, WALLED, COUNT };

static const char *const names[COUNT] = {"walls", "walled"};

static const struct stage_input inputs[] = {
    {.name = "fields",
     .stages = "ensemble|import|sample|propose|dm-mcmc|refresh|orient",
     .required = true,
     .many = false,
     .help = "The configurations to analyse."},
};

/* Fills series (COUNT, configurations). */
static enum status measure(const struct stage_context *c, const struct fields *fields, double *series,
                           struct error *e) {
    struct geometry *g;
    const size_t n = fields->configurations;
    if (fields->phi->type != NPZ_FLOAT32) {
        return error_set(e, STATUS_BAD_INPUT, "%s: phi is float64, expected float32", fields->path);
    }
    enum status status = geometry_new(fields->extents, fields->dimensions, &g, e);
    if (status != STATUS_OK) {
        return error_prefix(e, "%s: phi", fields->path);
    }
    const float *phi = fields->phi->data;
    for (size_t i = 0; i < n * g->volume && status == STATUS_OK; i++) {
        if (!isfinite(phi[i])) {
            status = error_set(e, STATUS_BAD_INPUT, "%s: phi is %g in configuration %zu, expected finite numbers",
                               fields->path, (double)phi[i], i / g->volume);
        }
    }
    atomic_bool no_memory = false;
    if (status == STATUS_OK) {
#pragma omp parallel num_threads(c->threads)
        {
            struct domains_workspace *w = domains_workspace_new(g);
            if (w == NULL) {
                no_memory = true;
            }
#pragma omp for schedule(static)
            for (size_t i = 0; i < n; i++) {
                if (w != NULL && !*c->interrupted) {
                    const struct domain_walls d = domains_measure(g, phi + i * g->volume, w);
                    series[WALLS * n + i] = d.bonds;
                    series[WALLED * n + i] = domains_walled(&d) ? 1.0 : 0.0;
                }
            }
            domains_workspace_free(w);
        }
    }
    geometry_free(g);
    if (status == STATUS_OK && no_memory) {
        status = error_set(e, STATUS_FAILED, "domains: out of memory");
    }
    return status == STATUS_OK && *c->interrupted ? error_set(e, STATUS_FAILED, "interrupted") : status;
}

static enum status analyse(const struct fields *fields, const double *series, double *values, double *errors,
                           struct error *e) {
    const size_t n = fields->configurations;
    const size_t bins = fields->header.independent  ? n
                        : fields->header.chains > 1 ? fields->header.chains
                        : n < 16                    ? n
                                                    : 16;
    const struct series both = {series, COUNT, n, fields->header.chains};
    const struct estimator means = {.values = COUNT};
    const enum status status = jackknife(&both, &means, bins, values, errors, e);
    if (status != STATUS_OK) {
        return error_prefix(e, "%s", fields->path);
    }
    if (values[WALLED] == 0.0 || values[WALLED] == 1.0) {
        errors[WALLED] = 1.0 / (double)bins;
    }
    return STATUS_OK;
}

static enum status write_artifact(struct stage_context *c, const struct fields *fields, const double *series,
                                  const double *values, const double *errors, struct error *e) {
    const size_t n = fields->configurations;
    const double tau = fields->header.independent ? 0.5 : NAN, tau_error = fields->header.independent ? 0.0 : NAN;
    struct npz_writer *w;
    enum status status = stage_artifact(c, &w, e);
    const struct estimates rows = {.count = COUNT,
                                   .names = names,
                                   .values = values,
                                   .errors = errors,
                                   .tau_int = (const double[COUNT]){tau, tau},
                                   .tau_int_error = (const double[COUNT]){tau_error, tau_error},
                                   .method = "jackknife",
                                   .configurations = n};
    THEN(status, estimates_add(&rows, w, e));
    THEN(status, header_add_thermalised(w, fields->header.thermalised, e));
    THEN(status, npz_add_reals(w, "walls", series + WALLS * n, n, e));
    THEN(status, npz_add_reals(w, "walled", series + WALLED * n, n, e));
    return status;
}

static enum status run(struct stage_context *c, struct error *e) {
    struct fields fields;
    double values[COUNT], errors[COUNT];
    TRY(fields_read(stage_input(c, "fields", 0), &fields, e));
    double *series = malloc(COUNT * fields.configurations * sizeof *series);
    enum status status =
        series != NULL ? measure(c, &fields, series, e) : error_set(e, STATUS_FAILED, "domains: out of memory");
    THEN(status, analyse(&fields, series, values, errors, e));
    THEN(status, write_artifact(c, &fields, series, values, errors, e));
    for (int k = 0; k < COUNT && status == STATUS_OK; k++) {
        stage_note_value(c, names[k], values[k], errors[k], "");
    }
    free(series);
    return status;
}

static const struct stage_array arrays[] = {
    ARRAYS_ESTIMATES,
    ARRAY_THERMALISED,
    {"walls", NPZ_FLOAT64, "N", "", "Fraction of the bonds whose ends have opposite signs, of each configuration."},
    {"walled", NPZ_FLOAT64, "N", "", "1 if a wall winds around the lattice."},
};

static const char *const outputs[] = {"artifact.npz", NULL};

const struct stage stage_domains = {
    .name = "domains",
    .summary = "walls between domains of opposite sign, and configurations with walls that wind around the lattice",
    .version = 1,
    .uses_backend = false,
    .parameters = NULL,
    .parameter_count = 0,
    .inputs = inputs,
    .input_count = sizeof inputs / sizeof inputs[0],
    .arrays = arrays,
    .array_count = sizeof arrays / sizeof arrays[0],
    .outputs = outputs,
    .run = run,
};
