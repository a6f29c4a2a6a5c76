/* The runs in the report: keys, seeds, times, parameters, machines, thermalisation; see report_page.h. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "report/html.h"
#include "experiment/names.h"
#include "stages/report_page.h"

void report_seconds(double seconds, FILE *out) {
    if (seconds >= 5400) {
        fprintf(out, "%.1f h", seconds / 3600);
    } else if (seconds >= 120) {
        fprintf(out, "%.1f min", seconds / 60);
    } else if (seconds >= 0) {
        fprintf(out, seconds < 10 ? "%.2g s" : "%.0f s", seconds);
    }
}

bool report_failed(const char *thermalisation) {
    return after_prefix(thermalisation, "FAILED") != NULL;
}

/* The node's own mark of equilibrium: exact chains of proposals are marked "yes" or "no" independently of their inputs;
 * "" for other nodes. */
static const char *own_verdict(const struct report_state *s, size_t node) {
    return s->record[node] ? record_member(s->record[node], "notes", "thermalised") : "";
}

const char *report_thermalisation(const struct report_state *s, size_t node) {
    if (!strcmp(own_verdict(s, node), "no")) {
        return "FAILED: it stays too long in one state, or its model was trained on an ensemble that failed";
    }
    return s->record[node] ? record_member(s->record[node], "notes", "thermalisation") : "";
}

static size_t index_of(const struct experiment *x, const struct node *node) {
    size_t i = 0;
    while (i < x->node_count && x->nodes[i] != node) {
        i++;
    }
    return i;
}

/* Marks a node if it, or one of its inputs, failed. Nodes come after their inputs, so one pass over the nodes is
 * enough. An exact chain is not marked by its inputs, since it corrects its model. */
static void mark_node(struct report_state *s, size_t i) {
    const struct experiment *x = s->experiment;
    const struct node *node = x->nodes[i];
    if (report_failed(report_thermalisation(s, i))) {
        s->failed[i] = true;
        s->failed_count++;
    }
    const bool corrected = !strcmp(own_verdict(s, i), "yes");
    for (size_t j = 0; j < node->stage->input_count && !corrected; j++) {
        for (size_t k = 0; k < node->inputs[j].count; k++) {
            const size_t input = index_of(x, node->inputs[j].nodes[k]);
            s->failed[i] = s->failed[i] || (input < i && s->failed[input]);
        }
    }
}

enum status report_state_read(const struct plan *plan, const struct experiment *x, struct report_state *s,
                              struct error *e) {
    *s = (struct report_state){.plan = plan, .experiment = x};
    s->record = pool_take(plan->pool, (x->node_count + 1) * sizeof *s->record);
    s->computed = pool_take(plan->pool, (x->node_count + 1) * sizeof *s->computed);
    s->failed = pool_take(plan->pool, (x->node_count + 1) * sizeof *s->failed);
    if (!s->record || !s->computed || !s->failed) {
        s->experiment = NULL;
        return pool_exhausted(e);
    }
    for (size_t i = 0; i < x->node_count; i++) {
        const char *artifact = plan_artifact(plan, x->nodes[i]), *folder = plan_folder(plan, x->nodes[i]);
        const char *path = folder ? pool_print(plan->pool, "%s/run.json", folder) : NULL;
        if (!artifact || !path) {
            return pool_exhausted(e);
        }
        s->computed[i] = !access(artifact, R_OK);
        s->computed_count += s->computed[i];
        if (s->computed[i] && !access(path, R_OK)) {
            TRY(record_read(path, &s->record[i], e));
            const double seconds = record_seconds(s->record[i]);
            s->seconds += isfinite(seconds) ? seconds : 0;
        }
        mark_node(s, i);
    }
    return STATUS_OK;
}

void report_state_free(struct report_state *s) {
    for (size_t i = 0; s->experiment && i < s->experiment->node_count; i++) {
        record_free(s->record[i]);
    }
    *s = (struct report_state){0};
}

/* --- environments -------------------------------------------------------------------------------- */

struct writer {
    struct pool *pool;
    const char *text;
};

static void add_line(void *context, const char *name, const char *text) {
    struct writer *w = context;
    w->text = w->text ? pool_print(w->pool, "%s%s\t%s\n", w->text, name, text) : NULL;
}

size_t report_environment(struct pool *pool, struct report_environments *all, const struct record *record) {
    struct writer w = {pool, ""};
    record_visit(record, "environment", add_line, &w);
    for (size_t i = 0; w.text && i < all->count; i++) {
        if (!strcmp(all->text[i], w.text)) {
            all->runs[i]++;
            return i + 1;
        }
    }
    all->text = pool_extend(pool, all->text, all->count, sizeof *all->text);
    all->runs = pool_extend(pool, all->runs, all->count, sizeof *all->runs);
    if (!w.text || !all->text || !all->runs) {
        all->count = 0;
        return 0;
    }
    all->text[all->count] = w.text;
    all->runs[all->count] = 1;
    return ++all->count;
}

void report_environments(const struct report_environments *all, FILE *out) {
    for (size_t i = 0; i < all->count; i++) {
        fprintf(out,
                "<h3 id=\"environment-%zu\">Environment %zu, of %zu run%s</h3>\n<div class=\"wide\" tabindex=\"0\">"
                "<table><tbody>\n",
                i + 1, i + 1, all->runs[i], all->runs[i] == 1 ? "" : "s");
        for (const char *line = all->text[i]; *line; line = strchr(line, '\n') + 1) {
            const char *tab = strchr(line, '\t'), *end = strchr(line, '\n');
            fputs("<tr><td>", out);
            for (const char *c = line; c < tab; c++) {
                html_text((char[]){*c, '\0'}, out);
            }
            fputs("</td><td class=\"wrap\">", out);
            for (const char *c = tab + 1; c < end; c++) {
                html_text((char[]){*c, '\0'}, out);
            }
            fputs("</td></tr>\n", out);
        }
        fputs("</tbody></table></div>\n", out);
    }
}

/* --- runs ---------------------------------------------------------------------------------------- */

void report_ensembles(const struct report_state *s, FILE *out) {
    const struct experiment *x = s->experiment;
    bool any = false;
    for (size_t i = 0; i < x->node_count; i++) {
        const char *said = report_thermalisation(s, i);
        if (!*said) {
            continue;
        }
        if (!any) {
            fputs(
                "<details><summary>Thermalisation tests of the ensembles</summary>\n<div class=\"wide\" tabindex=\"0\">"
                "<table><thead>\n<tr><th scope=\"col\">ensemble</th><th "
                "scope=\"col\">outcome</th></tr>\n</thead><tbody>\n",
                out);
            any = true;
        }
        fputs("<tr><td>", out);
        html_text(x->nodes[i]->name, out);
        fprintf(out, "</td><td class=\"wrap%s\">", report_failed(said) ? " bad" : "");
        html_text(said, out);
        fputs("</td></tr>\n", out);
    }
    fputs(any ? "</tbody></table></div></details>\n" : "", out);
}

struct notes {
    FILE *out;
    size_t count;
};

static void write_note(void *context, const char *name, const char *text) {
    struct notes *n = context;
    fputs(n->count++ ? "; " : "", n->out);
    html_text(name, n->out);
    fputs(": ", n->out);
    html_text(text, n->out);
}

/* Writes the parameters of the node that differ from the defaults. */
static void write_parameters(const struct node *node, FILE *out) {
    size_t count = 0;
    for (size_t i = 0; i < parameters_count(node->parameters); i++) {
        if (parameters_differs(node->parameters, i)) {
            fputs(count++ ? ", " : "", out);
            html_text(parameters_entry(node->parameters, i)->name, out);
            fputs(" = ", out);
            html_text(parameters_argument(node->parameters, i), out);
        }
    }
}

static bool write_run(const struct report_state *s, size_t i, struct report_environments *all, FILE *out) {
    const struct node *node = s->experiment->nodes[i];
    const struct record *r = s->record[i];
    fputs("<tr><th scope=\"row\">", out);
    html_text(node->name, out);
    fprintf(out, "</th><td>%s</td><td>", node->stage->name);
    fprintf(out, r ? "<a href=\"artifacts/%s/run.json\"><code>%.12s</code></a></td>" : "<code>%.0s%.12s</code></td>",
            node->key, node->key);
    if (!r) {
        fprintf(out, "<td colspan=\"6\" class=\"soft\">%s</td><td class=\"wrap\">",
                s->computed[i] ? "computed; its run record is missing" : "not computed");
        write_parameters(node, out);
        fputs("</td><td></td></tr>\n", out);
        return true;
    }
    const size_t environment = report_environment(s->plan->pool, all, r);
    const double seed = record_number(r, "seed");
    fputs("<td class=\"n\">", out);
    if (isfinite(seed)) {
        fprintf(out, "%.0f", seed);
    }
    fputs("</td><td>", out);
    html_text(record_text(r, "start"), out);
    fputs("</td><td class=\"n\">", out);
    report_seconds(record_seconds(r), out);
    fprintf(out,
            "</td><td class=\"n\">%.0f</td><td><a href=\"#environment-%zu\">%zu</a></td><td><code>%.10s</code></td>",
            record_number(r, "threads"), environment, environment, record_text(r, "git_commit"));
    fputs("<td class=\"wrap\">", out);
    write_parameters(node, out);
    fprintf(out, "</td><td class=\"wrap%s\">", report_failed(report_thermalisation(s, i)) ? " bad" : "");
    record_visit(r, "notes", write_note, &(struct notes){out, 0});
    fputs("</td></tr>\n", out);
    return environment > 0;
}

enum status report_runs(const struct report_state *s, struct report_environments *all, FILE *out, struct error *e) {
    const struct experiment *x = s->experiment;
    fprintf(out,
            "<details><summary>%zu step%s: recipe keys, seeds, times, parameters, notes</summary>\n"
            "<div class=\"wide runs\" tabindex=\"0\"><table><thead>\n<tr><th scope=\"col\">node</th><th "
            "scope=\"col\">stage</th><th scope=\"col\">recipe key</th>"
            "<th scope=\"col\" class=\"n\">seed</th><th scope=\"col\">start (UTC)</th><th scope=\"col\" "
            "class=\"n\">wall time</th><th scope=\"col\" class=\"n\">threads</th>"
            "<th scope=\"col\">environment</th><th scope=\"col\">commit</th><th scope=\"col\">parameters other than "
            "the defaults</th><th scope=\"col\">notes</th></tr>\n"
            "</thead><tbody>\n",
            x->node_count, x->node_count == 1 ? "" : "s");
    bool fine = true;
    for (size_t i = 0; i < x->node_count && fine; i++) {
        fine = write_run(s, i, all, out);
    }
    fputs("</tbody></table></div></details>\n", out);
    return fine ? STATUS_OK : pool_exhausted(e);
}
