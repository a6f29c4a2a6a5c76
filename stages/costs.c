/* Tool `costs`: writes ROOT/NAME/costs.{tsv,md}: what an independent configuration of the chains of experiment NAME
 * costs. For the experiment `costs` it has the chains of all experiments, and first the timings printed in the papers
 * (published.tsv, experiment "speed") beside ours. Times are in run records, never in artifacts, so this is a tool that
 * reads the records each time, not a stage. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "experiment/names.h"
#include "report/published.h"
#include "report/text.h"
#include "stages/planner.h"
#include "store/record.h"

struct row {
    const char *dataset, *observable;
    double value, error;                 /* error NaN if it is unknown */
    const char *node, *machine, *detail; /* detail: size of the run, such as "5120 configurations", or "" */
};

/* The experiment whose table has everything. */
static const char everything[] = "costs";
static const char *wanted = everything; /* --name */

struct costs {
    const struct plan *plan;
    struct published *published;
    struct row *rows;
    size_t count;
};

/* The record of a node's run; NULL if the node is not computed or the record is lost. */
static enum status node_record(const struct plan *plan, const struct node *node, struct record **record,
                               struct error *e) {
    const char *artifact = plan_artifact(plan, node), *folder = plan_folder(plan, node);
    const char *path = folder ? pool_print(plan->pool, "%s/run.json", folder) : NULL;
    *record = NULL;
    if (!artifact || !path) {
        return pool_exhausted(e);
    }
    return access(artifact, R_OK) || access(path, R_OK) ? STATUS_OK : record_read(path, record, e);
}

/* The first node of input `name`, or NULL. */
static const struct node *input_of(const struct node *node, const char *name) {
    for (size_t i = 0; i < node->stage->input_count; i++) {
        if (!strcmp(node->stage->inputs[i].name, name) && node->inputs[i].count) {
            return node->inputs[i].nodes[0];
        }
    }
    return NULL;
}

/* Whether a node is trained on single numbers of the stage `toy` instead of fields on a lattice. */
static bool learns_numbers(const struct node *node) {
    const struct node *training = input_of(node, "training");
    return training && !strcmp(training->stage->name, "toy");
}

/* Configurations, or steps of Markov chains, that a run made per second. Older runs did not note the rate; for them the
 * wall time of the whole run is used, which is a little longer. NaN if neither is known. */
static double rate_of(const struct node *node, const struct record *r, bool steps) {
    const double noted = record_value(r, steps ? "steps_per_second" : "configurations_per_second").value;
    if (isfinite(noted) || !find_parameter(node->stage, "configurations")) {
        return noted;
    }
    double made = (double)parameters_integer(node->parameters, "configurations"); /* or steps */
    if (steps) {
        const double chains =
            find_parameter(node->stage, "chains") ? (double)parameters_integer(node->parameters, "chains") : 0;
        const double each = chains > 0 ? made / chains : 1; /* chains = 0: one per chain */
        made = made / each *
               ((double)parameters_integer(node->parameters, "thermalisation") +
                (each - 1) * (double)parameters_integer(node->parameters, "stride"));
    }
    return made / record_seconds(r);
}

/* The size of the run, which may differ from the paper's. NULL if out of memory. */
static const char *detail_of(struct pool *pool, const struct node *node) {
    static const char *const names[] = {"configurations", "steps", "stride"};
    const struct node *training = input_of(node, "training");
    const char *text = training && find_parameter(training->stage, "configurations")
                           ? pool_print(pool, "%lld configurations",
                                        (long long)parameters_integer(training->parameters, "configurations"))
                           : "";
    for (size_t i = 0; i < sizeof names / sizeof *names && text; i++) {
        if (find_parameter(node->stage, names[i]) && strcmp(node->stage->name, "autocorrelation") &&
            !learns_numbers(node)) {
            text = pool_print(pool, i ? "%1$s%2$s%3$s %4$lld" : "%1$s%2$s%4$lld %3$s", text, *text ? ", " : "",
                              names[i], (long long)parameters_integer(node->parameters, names[i]));
        }
    }
    return text;
}

static enum status add(struct costs *c, const char *dataset, const char *observable, double value, double error,
                       const struct experiment *x, const struct node *node, const struct record *r, struct error *e) {
    struct pool *pool = c->plan->pool;
    const double threads = record_number(r, "threads");
    struct row row = {.dataset = dataset, .observable = observable, .value = value, .error = error};
    for (size_t i = 0; i < c->count; i++) { /* several experiments may share a node */
        if (!strcmp(c->rows[i].dataset, dataset) && !strcmp(c->rows[i].observable, observable)) {
            return STATUS_OK;
        }
    }
    row.node = pool_print(pool, "%s/%s", x->name, node->name);
    row.machine = pool_print(pool, "%s, %s, %.0f thread%s", record_member(r, "environment", "processor"),
                             record_member(r, "environment", "instruction set"), threads, threads > 1 ? "s" : "");
    row.detail = detail_of(pool, node);
    c->rows = pool_extend(pool, c->rows, c->count, sizeof *c->rows);
    if (!row.node || !row.detail || !row.machine || !c->rows || !dataset) {
        return pool_exhausted(e);
    }
    c->rows[c->count++] = row;
    return STATUS_OK;
}

/* --- rates of single stages ------------------------------------------------------------------------- */

static enum status add_training(struct costs *c, const struct experiment *x, const struct node *node,
                                const struct record *r, struct error *e) {
    const double noted = record_value(r, "epoch_seconds").value;
    const bool numbers = learns_numbers(node);
    const double whole = record_seconds(r) / (double)parameters_integer(node->parameters, "epochs");
    const double seconds = isfinite(noted) ? noted : numbers ? whole : NAN; /* NaN: older runs did not note it */
    const struct node *training = input_of(node, "training");
    if (!isfinite(seconds) || !training) {
        return STATUS_OK;
    }
    if (numbers) {
        return add(c, training->stage->name, "seconds_500_epochs", 500 * seconds, NAN, x, node, r, e);
    }
    size_t dimensions;
    const int64_t *lattice = find_parameter(training->stage, "lattice")
                                 ? parameters_integers(training->parameters, "lattice", &dimensions)
                                 : NULL;
    const char *dataset = lattice ? pool_print(c->plan->pool, "train-L%lld", (long long)lattice[0]) : NULL;
    return lattice ? add(c, dataset, "seconds_per_epoch", seconds, NAN, x, node, r, e) : STATUS_OK;
}

/* Whether the node is an ensemble at 32x32 or was sampled from a model of it, as in the paper's timings. */
static bool is_timed(const struct node *node) {
    for (const struct node *at = node; at;) {
        if (find_parameter(at->stage, "lattice")) {
            size_t dimensions;
            const int64_t *lattice = parameters_integers(at->parameters, "lattice", &dimensions);
            return dimensions == 2 && lattice[0] == 32 && lattice[1] == 32;
        }
        const struct node *next = input_of(at, "model");
        at = next ? next : input_of(at, "training");
    }
    return false;
}

static enum status add_rates(struct costs *c, const struct experiment *x, const struct node *node, struct error *e) {
    struct record *r;
    enum status status = node_record(c->plan, node, &r, e);
    if (status != STATUS_OK || !r) {
        return status;
    }
    const bool makes = !strcmp(node->stage->name, "ensemble") || !strcmp(node->stage->name, "sample");
    const double rate = makes ? rate_of(node, r, false) : NAN;
    if (!strcmp(node->stage->name, "train")) {
        status = add_training(c, x, node, r, e);
    } else if (!strcmp(node->stage->name, "ensemble") && is_timed(node) && isfinite(rate)) {
        status = add(c, "hmc", "configurations_per_second", rate, NAN, x, node, r, e);
    } else if (!strcmp(node->stage->name, "sample") && is_timed(node) && isfinite(rate)) {
        status = add(c, "generated", "configurations_per_second", rate, NAN, x, node, r, e);
    }
    record_free(r);
    return status;
}

/* --- independent configurations ---------------------------------------------------------------------- */

/* The distinct trainings among the inputs of a node: samples and their densities come from the same one. */
struct trainings {
    double seconds;
    const struct node **met; /* of the plan's pool */
    size_t count;
};

static enum status add_met(struct pool *pool, struct trainings *t, const struct node *node, double seconds,
                           struct error *e) {
    for (size_t i = 0; i < t->count; i++) {
        if (t->met[i] == node) {
            return STATUS_OK;
        }
    }
    t->met = pool_extend(pool, t->met, t->count, sizeof *t->met);
    if (!t->met) {
        return pool_exhausted(e);
    }
    t->met[t->count++] = node;
    t->seconds += seconds;
    return STATUS_OK;
}

/* The measure of cost: wall time, or processor time, which hardly depends on other programs on the machine. */
enum clock { WALL, PROCESSORS };

/* Seconds of this clock per second of wall time in a run. */
static double clock_rate(enum clock clock, const struct record *r) {
    const double busy = record_number(r, "cpu_user_seconds") + record_number(r, "cpu_system_seconds");
    return clock == WALL ? 1 : busy / record_number(r, "wall_seconds");
}

/* Seconds per configuration of a node and its inputs, without trainings and their data; NaN if a time is unknown. Time
 * that is not spent on the configurations themselves, for tests of the chains or of the integrator and for the
 * artifact, does not count if the run noted its rate. */
static enum status seconds_each(const struct costs *c, enum clock clock, const struct node *node, double *seconds,
                                struct trainings *training, struct error *e) {
    struct record *r;
    enum status status = node_record(c->plan, node, &r, e);
    if (status != STATUS_OK || !r) {
        *seconds = NAN;
        return status;
    }
    const bool chain = find_parameter(node->stage, "stride");
    const double factor = clock_rate(clock, r), time = factor * record_seconds(r),
                 rate = chain ? rate_of(node, r, true) / factor : NAN,
                 noted = record_value(r, "configurations_per_second").value / factor;
    record_free(r);
    if (!strcmp(node->stage->name, "train")) {
        *seconds = 0;
        return add_met(c->plan->pool, training, node, time, e);
    }
    if (chain) { /* a Markov chain, with or without a model; the configurations that it starts from cost nothing */
        const struct node *model = input_of(node, "model");
        double none;
        *seconds = 1 / rate;
        return model ? seconds_each(c, clock, model, &none, training, e) : STATUS_OK;
    }
    double inputs = 0;
    for (size_t i = 0; i < node->stage->input_count; i++) {
        for (size_t j = 0; j < node->inputs[i].count && status == STATUS_OK; j++) {
            double one;
            /* the scored samples are the proposals as well, so their time counts once */
            if (!strcmp(node->stage->name, "likelihood") && !strcmp(node->stage->inputs[i].name, "fields")) {
                continue;
            }
            status = seconds_each(c, clock, node->inputs[i].nodes[j], &one, training, e);
            inputs += one;
        }
    }
    const int64_t made =
        find_parameter(node->stage, "configurations") ? parameters_integer(node->parameters, "configurations") : 0;
    const struct node *fields = input_of(node, "fields");
    const int64_t scored = fields && find_parameter(fields->stage, "configurations")
                               ? parameters_integer(fields->parameters, "configurations")
                               : 0;
    const bool makes = made > 0 || scored > 0; /* the time of dm-mcmc is that of its proposals */
    const double each = isfinite(noted) ? 1 / noted : time / (double)(made > 0 ? made : scored);
    *seconds = inputs + (makes ? each : 0);
    return status;
}

/* A random walk never reaches equilibrium, so it makes no independent configurations. */
static bool is_random_walk(const struct node *node) {
    return find_parameter(node->stage, "algorithm") && parameters_is(node->parameters, "algorithm", "random-walk");
}

static enum status add_independent(struct costs *c, const struct experiment *x, const struct node *node,
                                   struct error *e) {
    const struct node *fields = input_of(node, "long") ? input_of(node, "long") : input_of(node, "fields");
    struct record *r;
    if (!fields || is_random_walk(fields)) {
        return STATUS_OK;
    }
    enum status status = node_record(c->plan, node, &r, e);
    if (status != STATUS_OK || !r) {
        return status;
    }
    double seconds, processors;
    struct trainings training = {0}, unused = {0};
    const struct record_value right = record_value(r, "tau_right_abs_M"), tau = record_value(r, "tau_int_abs_M");
    status = seconds_each(c, WALL, fields, &seconds, &training, e);
    THEN(status, seconds_each(c, PROCESSORS, fields, &processors, &unused, e));
    const char *short_name = after_prefix(node->name, "ac-");
    const char *of = strcmp(wanted, everything) ? "" : pool_print(c->plan->pool, "%s: ", x->name);
    const char *name = of ? pool_print(c->plan->pool, "%s%s", of, short_name ? short_name : node->name) : NULL;
    if (!name) {
        record_free(r);
        return pool_exhausted(e);
    }
    if (status == STATUS_OK && right.value > 0 && isfinite(seconds)) {
        status = add(c, name, "seconds_per_independent_configuration", 2 * right.value * seconds,
                     2 * right.error * seconds, x, node, r, e);
    }
    if (status == STATUS_OK && right.value > 0 && isfinite(processors)) {
        status = add(c, name, "cpu_seconds_per_independent_configuration", 2 * right.value * processors,
                     2 * right.error * processors, x, node, r, e);
    }
    if (status == STATUS_OK && tau.value > 0 && isfinite(seconds)) {
        status = add(c, name, "seconds_per_independent_configuration_published_tau", 2 * tau.value * seconds,
                     2 * tau.error * seconds, x, node, r, e);
    }
    if (status == STATUS_OK && training.seconds > 0) {
        status = add(c, name, "training_seconds", training.seconds, NAN, x, node, r, e);
    }
    record_free(r);
    return status;
}

/* --- the table --------------------------------------------------------------------------------------- */

static const struct published_value *published_of(const struct costs *c, const struct row *row) {
    return published_find(c->published, "speed", row->dataset, row->observable);
}

static void write_number(double x, FILE *out) {
    if (isfinite(x)) {
        fprintf(out, "%.6g", x);
    }
}

static void write_tsv(const struct costs *c, FILE *out) {
    fputs("dataset\tobservable\tvalue\terror\tpublished\tratio\tnode\tsize\tmachine\tsource\n", out);
    for (size_t i = 0; i < c->count; i++) {
        const struct row *row = &c->rows[i];
        const struct published_value *p = published_of(c, row);
        fprintf(out, "%s\t%s\t", row->dataset, row->observable);
        write_number(row->value, out);
        fputc('\t', out);
        write_number(row->error, out);
        fputc('\t', out);
        write_number(p ? p->value : NAN, out);
        fputc('\t', out);
        write_number(p ? row->value / p->value : NAN, out);
        fprintf(out, "\t%s\t%s\t%s\t%s\n", row->node, row->detail, row->machine, p ? p->source : "");
    }
}

/* Writes the rows with a published number first, each group in the order of the plan. */
static void write_markdown(const struct costs *c, FILE *out) {
    fputs("# Costs\n\nWall times of single runs, ours and published; a number in brackets is the error that comes from "
          "tau_int. Seconds per independent configuration are 2 tau_int of |M| times the seconds per step, with all "
          "chains running in parallel and without training. They are given with tau_int from the Gamma method, which "
          "is unknown if a run is too short, and with the published estimate. cpu_seconds: the same in processor "
          "time, which hardly depends on other programs on the machine.\n\n"
          "| what | quantity | ours | published | ratio | size of ours | machine | source "
          "|\n|:--|:--|--:|--:|--:|:--|:--|:--|\n",
          out);
    for (int with = 1; with >= 0; with--) {
        for (size_t i = 0; i < c->count; i++) {
            const struct row *row = &c->rows[i];
            const struct published_value *p = published_of(c, row);
            char value[REPORT_NUMBER];
            if ((p != NULL) != (with == 1)) {
                continue;
            }
            if (isfinite(row->error)) {
                report_value(row->value, row->error, -1, value);
            } else {
                snprintf(value, sizeof value, "%.3g", row->value);
            }
            fprintf(out, "| %s | %s | %s | ", row->dataset, row->observable, value);
            write_number(p ? p->value : NAN, out);
            fputs(" | ", out);
            if (p) {
                fprintf(out, "%.3g", row->value / p->value);
            }
            fprintf(out, " | %s | %s | %s |\n", row->detail, row->machine, p ? p->source : "");
        }
    }
    fputs("\n", out);
    for (size_t i = 0; c->published && i < published_count(c->published); i++) {
        const struct published_value *p = published_at(c->published, i);
        bool found = strcmp(p->experiment, "speed") != 0;
        for (size_t j = 0; j < c->count && !found; j++) {
            found = published_of(c, &c->rows[j]) == p;
        }
        if (!found) {
            fprintf(out, "- not measured: %s, %s (published: %.6g, %s)\n", p->dataset, p->observable, p->value,
                    p->source);
        }
    }
}

static enum status write_file(const struct costs *c, const char *extension,
                              void (*write)(const struct costs *c, FILE *out), bool print, struct error *e) {
    char *text = NULL;
    size_t size = 0;
    const char *folder = pool_print(c->plan->pool, "%s/%s", c->plan->root, wanted);
    const char *path = folder ? pool_print(c->plan->pool, "%s/costs.%s", folder, extension) : NULL;
    FILE *out = path ? open_memstream(&text, &size) : NULL;
    if (!out) {
        return pool_exhausted(e);
    }
    write(c, out);
    enum status status = fclose(out) ? pool_exhausted(e) : file_make_folder(folder, e);
    THEN(status, file_write(path, text, size, e));
    if (status == STATUS_OK && print) {
        printf("%s\ncosts: %s\n", text, path);
    }
    free(text);
    return status;
}

/* Adds the rows of the wanted experiment (own), or of all others. The nodes of `costs` exist for the timings only. */
static enum status walk(struct costs *c, bool own, struct error *e) {
    const bool rates = !strcmp(wanted, everything);
    enum status status = STATUS_OK;
    for (size_t i = 0; i < c->plan->count && status == STATUS_OK; i++) {
        const struct experiment *x = &c->plan->experiments[i];
        if (!strcmp(x->name, wanted) != own) {
            continue;
        }
        for (size_t j = 0; j < x->node_count && status == STATUS_OK; j++) {
            const char *stage = x->nodes[j]->stage->name;
            if (rates && (own || (!strcmp(stage, "train") && learns_numbers(x->nodes[j])))) {
                status = add_rates(c, x, x->nodes[j], e);
            }
            if (status == STATUS_OK && !strcmp(stage, "autocorrelation")) {
                status = add_independent(c, x, x->nodes[j], e);
            }
        }
    }
    return status;
}

static enum status run(const struct plan *plan, const struct plan_request *request, struct error *e) {
    struct costs c = {.plan = plan};
    const char *path = pool_print(plan->pool, "%s/published.tsv", request->experiments);
    const bool all = !strcmp(wanted, everything);
    enum status status = path ? STATUS_OK : pool_exhausted(e);
    if (status == STATUS_OK && all && !access(path, R_OK)) {
        status = published_read(path, &c.published, e);
    }
    THEN(status, walk(&c, true, e));
    if (status == STATUS_OK && all) {
        status = walk(&c, false, e);
    }
    THEN(status, write_file(&c, "tsv", write_tsv, false, e));
    THEN(status, write_file(&c, "md", write_markdown, true, e));
    published_free(c.published);
    return status;
}

int main(int argc, char **argv) {
    const struct planner_option own[] = {
        {"name", "EXPERIMENT", "whose chains (default: costs, the chains of all, and the papers' timings)", &wanted},
        {NULL, NULL, NULL, NULL}};
    return planner_main_with(argc, argv, all_stages,
                             "Writes RESULTS/EXPERIMENT/costs.{tsv,md}: what an independent configuration costs.", own,
                             run);
}
