/* Tool `export`: writes the results of a node of the stage `observables`, and the series over its configurations, to
 * ROOT/export/EXPERIMENT/NODE.* for other programs. It reads the series that the stage keeps beside its artifact. For
 * older results, which have no series, it measures the stored configurations again. It analyses the series with the
 * code of the stage and checks that the results agree with the artifact to the last bit. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/processor.h"
#include "experiment/names.h"
#include "report/export.h"
#include "stages/measurement.h"
#include "stages/planner.h"
#include "statistics/gamma_method.h"
#include "statistics/jackknife.h"
#include "store/recipe.h"

static const char *wanted = "", *format = "json";

/* The node EXPERIMENT/NODE; NULL with a message that lists the nodes that can be exported. */
static const struct node *find_node(const struct plan *plan, const struct experiment **experiment, struct error *e) {
    const struct node *found = plan_node(plan, wanted, experiment);
    if (found && !strcmp(found->stage->name, "observables")) {
        return found;
    }
    if (found) {
        error_set(e, STATUS_BAD_INPUT, "NODE=%s: the node is of stage %s; expected a node of stage observables", wanted,
                  found->stage->name);
        return NULL;
    }
    const char **names = NULL, *list = "";
    size_t count = 0;
    for (size_t i = 0; i < plan->count; i++) {
        const struct experiment *x = &plan->experiments[i];
        for (size_t j = 0; j < x->node_count; j++) {
            if (strcmp(x->nodes[j]->stage->name, "observables")) {
                continue;
            }
            const char *name = pool_print(plan->pool, "%s/%s", x->name, x->nodes[j]->name);
            names = pool_extend(plan->pool, names, count, sizeof *names);
            if (!names || !name) {
                pool_exhausted(e);
                return NULL;
            }
            names[count++] = name;
            if (!strncmp(wanted, x->name, strlen(x->name)) && wanted[strlen(x->name)] == '/') {
                list = pool_print(plan->pool, "%s%s%s", list, *list ? ", " : "", name);
            }
        }
    }
    const char *hint = suggestion(plan->pool, wanted, names, count);
    const char *known = list && *list ? pool_print(plan->pool, " (%.600s)", list) : "";
    error_set(e, STATUS_BAD_INPUT, "NODE='%.100s': expected EXPERIMENT/NODE of stage observables%s%s", wanted,
              known ? known : "", hint);
    return NULL;
}

/* The artifact of a node, opened. */
static enum status open_artifact(const struct plan *plan, const struct experiment *x, const struct node *node,
                                 struct npz **npz, struct error *e) {
    const char *path = plan_artifact(plan, node);
    if (!path) {
        return pool_exhausted(e);
    }
    return access(path, R_OK) ? error_set(e, STATUS_FAILED, "%s/%s is not computed (%s); make %s computes it", x->name,
                                          node->name, path, x->name)
                              : npz_read(path, npz, e);
}

static enum status compare(const struct npz *artifact, const char *name, const double *again, const char *source,
                           struct error *e) {
    const struct npz_array *stored;
    TRY(npz_require(artifact, name, NPZ_FLOAT64, 1, &stored, e));
    const double *values = stored->data;
    for (size_t k = 0; k < OBSERVABLES; k++) {
        const bool same =
            stored->count == OBSERVABLES && (values[k] == again[k] || (isnan(values[k]) && isnan(again[k])));
        if (!same) {
            return error_set(e, STATUS_FAILED, "%s: %s of %s is %.17g in the artifact, but %.17g from %s",
                             npz_path(artifact), name, observable_names[k],
                             stored->count == OBSERVABLES ? values[k] : NAN, again[k], source);
        }
    }
    return STATUS_OK;
}

/* One estimator for the observables, followed by the means of all primaries. */
static void evaluate(const double *means, double *values, const void *context) {
    const struct observables *plan = context;
    observables_evaluate(means, values, plan);
    memcpy(values + OBSERVABLES, means, observables_primaries(plan) * sizeof *means);
}

static void differentiate(const double *means, double *gradient, const void *context) {
    const struct observables *plan = context;
    const size_t n = observables_primaries(plan);
    observables_differentiate(means, gradient, plan);
    for (size_t i = 0; i < n * n; i++) {
        gradient[OBSERVABLES * n + i] = i / n == i % n;
    }
}

static bool is_observable(const char *name) {
    for (size_t k = 0; k < OBSERVABLES; k++) {
        if (!strcmp(observable_names[k], name)) {
            return true;
        }
    }
    return false;
}

static enum status write_file(const struct plan *plan, const char *stem, const char *ending, const void *data,
                              size_t size, struct error *e) {
    const char *path = pool_print(plan->pool, "%s%s", stem, ending);
    enum status status = path ? file_write(path, data, size, e) : pool_exhausted(e);
    if (status == STATUS_OK) {
        printf("export: %s\n", path);
    }
    return status;
}

static enum status write_csv(const struct plan *plan, const struct export *x, const char *stem, struct error *e) {
    static void (*const writers[])(const struct export *, FILE *) = {export_csv_results, export_csv_series};
    static const char *const endings[] = {".csv", "-series.csv"};
    enum status status = STATUS_OK;
    for (size_t i = 0; i < 2 && status == STATUS_OK; i++) {
        char *text = NULL;
        size_t size = 0;
        FILE *out = open_memstream(&text, &size);
        if (!out) {
            return pool_exhausted(e);
        }
        writers[i](x, out);
        status = fclose(out) ? pool_exhausted(e) : write_file(plan, stem, endings[i], text, size, e);
        free(text);
    }
    return status;
}

static enum status write_pyerrors(const struct plan *plan, const struct export *x, const char *stem, struct error *e) {
    char *text = NULL;
    unsigned char *data = NULL;
    size_t size = 0;
    enum status status = export_pyerrors(x, &text, e);
    THEN(status, export_gzip(text, &data, &size, e));
    THEN(status, write_file(plan, stem, ".json.gz", data, size, e));
    free(data);
    free(text);
    return status;
}

static enum status write_json(const struct plan *plan, const struct export *x, const char *stem, struct error *e) {
    char *text = NULL;
    enum status status = export_json(x, &text, e);
    THEN(status, write_file(plan, stem, ".json", text, strlen(text), e));
    free(text);
    return status;
}

/* Sets *result to the fluctuations of all values, (values, points); the caller frees it. */
static enum status fluctuations(const struct stage_context *c, const struct measurement *m, size_t values,
                                size_t points, bool gamma, double **all, struct error *e) {
    const struct series series = measurement_series(m);
    const struct estimator estimator = {.values = values,
                                        .evaluate = evaluate,
                                        .context = m->plan,
                                        .differentiate =
                                            measurement_estimator(c, m).differentiate ? differentiate : NULL};
    *all = malloc((values * points + 2 * values) * sizeof **all);
    double *scratch = *all ? *all + values * points : NULL;
    if (!*all) {
        return error_set(e, STATUS_FAILED, "export: out of memory");
    }
    return gamma ? gamma_method_project(&series, &estimator, *all, e)
                 : jackknife_pseudo(&series, &estimator, measurement_bins(c, m), scratch, scratch + values, *all, e);
}

static enum status export_measurement(const struct plan *plan, const struct node *node, const struct stage_context *c,
                                      const struct measurement *m, struct error *e) {
    const bool gamma = !strcmp(m->method, "gamma");
    const size_t N = m->fields.configurations, count = OBSERVABLES + m->primaries;
    const size_t points = gamma ? N : measurement_bins(c, m);
    struct export_series *series = pool_take(plan->pool, m->primaries * sizeof *series);
    struct export_value *values = pool_take(plan->pool, count * sizeof *values);
    const char *folder = pool_print(plan->pool, "%s/export", plan->root);
    const char *stem = folder ? pool_print(plan->pool, "%s/%s", folder, wanted) : NULL;
    if (!series || !values || !stem) {
        return pool_exhausted(e);
    }
    double *all;
    enum status status = fluctuations(c, m, count, points, gamma, &all, e);
    size_t used = OBSERVABLES;
    for (size_t k = 0; k < OBSERVABLES; k++) {
        values[k] = (struct export_value){
            observable_names[k],           m->values[k], m->errors[k], m->tau_int[k], m->tau_int_error[k],
            all ? all + k * points : NULL, true};
    }
    const struct series s = measurement_series(m);
    double means[PRIMARY_FIRST_MODE + GEOMETRY_MAX_DIMENSIONS];
    series_means(&s, means);
    for (size_t a = 0; a < m->primaries; a++) {
        observables_primary_name(a, series[a].name);
        series[a].data = m->series + a * N;
        if (!is_observable(series[a].name)) {
            values[used++] = (struct export_value){
                series[a].name, means[a], 0.0, NAN, NAN, all ? all + (OBSERVABLES + a) * points : NULL, false};
        }
    }
    const struct export x = {
        .node = wanted,
        .key = node->key,
        .recipe = node->recipe,
        .fields_key = node->inputs[0].nodes[0]->key,
        .method = m->method,
        .window = gamma ? parameters_real(c->parameters, "window") : 0.0,
        .kappa = m->fields.header.theory.kappa,
        .lambda = m->fields.header.theory.lambda,
        .dimensions = m->fields.dimensions,
        .extents = m->fields.extents,
        .chains = m->fields.header.chains,
        .length = N / m->fields.header.chains,
        .independent = m->fields.header.independent,
        .thermalised = m->fields.header.thermalised,
        .points = points,
        .series = series,
        .series_count = m->primaries,
        .values = values,
        .value_count = used,
    };
    const char *slash = strrchr(stem, '/');
    const char *parent = pool_copy(plan->pool, stem, (size_t)(slash - stem));
    THEN(status, parent ? file_make_folder(parent, e) : pool_exhausted(e));
    THEN(status, (!strcmp(format, "csv")    ? write_csv
                  : !strcmp(format, "json") ? write_json
                                            : write_pyerrors)(plan, &x, stem, e));
    free(all);
    return status;
}

static enum status run(const struct plan *plan, const struct plan_request *request, struct error *e) {
    (void)request;
    static const char *const formats[] = {"pyerrors", "csv", "json"};
    static const volatile sig_atomic_t never;
    const struct experiment *x = NULL;
    if (strcmp(format, formats[0]) && strcmp(format, formats[1]) && strcmp(format, formats[2])) {
        return error_set(e, STATUS_BAD_INPUT, "FORMAT='%.80s': expected one of pyerrors, csv, json", format);
    }
    const struct node *node = find_node(plan, &x, e);
    struct npz *artifact = NULL, *source = NULL;
    struct measurement m = {0};
    enum status status = node ? open_artifact(plan, x, node, &artifact, e) : e->status;
    const char *folder = node ? plan_folder(plan, node) : NULL;
    const char *series = folder ? pool_print(plan->pool, "%s/" MEASUREMENT_SERIES, folder) : NULL;
    status = status || series ? status : pool_exhausted(e);
    const bool kept = status == STATUS_OK && access(series, F_OK) == 0;
    THEN(status, kept ? npz_read(series, &source, e) : open_artifact(plan, x, node->inputs[0].nodes[0], &source, e));
    if (status == STATUS_OK) {
        const struct stage_context c = {.stage = node->stage,
                                        .parameters = node->parameters,
                                        .threads = processor_threads(),
                                        .quiet = 1,
                                        .interrupted = &never};
        status = (kept ? measurement_read : measurement_make)(&c, source, &m, e);
        THEN(status, compare(artifact, "values", m.values, m.fields.path, e));
        THEN(status, compare(artifact, "errors", m.errors, m.fields.path, e));
        THEN(status, export_measurement(plan, node, &c, &m, e));
    }
    measurement_release(&m);
    npz_free(source);
    npz_free(artifact);
    return status;
}

int main(int argc, char **argv) {
    static const struct planner_option options[] = {
        {"node", "EXPERIMENT/NODE", "node to export, of the stage observables", &wanted},
        {"format", "pyerrors|csv|json",
         "pyerrors: .json.gz for pyerrors; csv: .csv and -series.csv; json: .json (default)", &format},
        {0},
    };
    return planner_main_with(argc, argv, all_stages,
                             "Writes the measured series and results of a node to RESULTS/export/.", options, run);
}
