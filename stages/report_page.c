/* See report_page.h. */
#include "stages/report_page.h"

#include <string.h>
#include <unistd.h>

#include "report/html.h"
#include "report/text.h"
#include "stages/planner.h"

static void write_status(const struct report_state *s, FILE *out) {
    const size_t all = s->experiment->node_count;
    if (s->computed_count == all) {
        fputs("<span class=\"good\">computed</span>", out);
    } else if (s->computed_count > 0) {
        fprintf(out, "%zu of %zu steps", s->computed_count, all);
    } else {
        fputs("<span class=\"soft\">not computed</span>", out);
    }
    if (s->failed_count > 0) {
        fputs(" <span class=\"bad\">" REPORT_MARK "</span>", out);
    }
}

/* Order of the page: its section i is experiment order[i] of the plan. Computed experiments come first. */
static size_t *page_order(const struct report_state *states, const struct plan *plan) {
    size_t *order = pool_take(plan->pool, (plan->count + 1) * sizeof *order), n = 0;
    for (int missing = 0; order && missing <= 1; missing++) {
        for (size_t i = 0; i < plan->count; i++) {
            if ((states[i].computed_count == 0) == (missing == 1)) {
                order[n++] = i;
            }
        }
    }
    return order;
}

/* Writes the list of contents at the side, and the choices of the filter, which the style sheet evaluates. */
static void write_navigation(const struct report_state *states, const size_t *order, const struct plan *plan,
                             FILE *out) {
    static const char *const choices[][2] = {
        {"all", "everything"}, {"computed", "computed"}, {"tables", "tables"}, {"figures", "figures"}};
    fputs("<nav aria-label=\"Contents\">\n<fieldset><legend>Show</legend>\n", out);
    for (size_t i = 0; i < sizeof choices / sizeof choices[0]; i++) {
        fprintf(out, "<label><input type=\"radio\" name=\"show\" id=\"show-%s\"%s>%s</label>\n", choices[i][0],
                i == 0 ? " checked" : "", choices[i][1]);
    }
    fputs("</fieldset>\n<ul>\n<li><a href=\"#contents\">Contents</a></li>\n", out);
    for (size_t i = 0; i < plan->count; i++) {
        const struct report_state *s = &states[order[i]];
        fprintf(out, "<li%s><a href=\"#%s\"%s>%s</a>%s</li>\n", s->computed_count ? "" : " class=\"missing\"",
                s->experiment->name, s->computed_count ? "" : " class=\"soft\"", s->experiment->name,
                s->failed_count ? " <span class=\"bad\">" REPORT_MARK "</span>" : "");
    }
    fputs("<li><a href=\"#environments\">Environments</a></li>\n</ul>\n</nav>\n", out);
}

static void write_contents(const struct report_state *states, const size_t *order, const struct plan *plan, FILE *out) {
    bool marked = false;
    fputs("<h2 id=\"contents\">Contents</h2>\n<div class=\"wide list\" tabindex=\"0\"><table><caption>Experiments, "
          "those computed "
          "first</caption><thead>\n<tr><th scope=\"col\">experiment</th><th scope=\"col\">what it reproduces</th>"
          "<th scope=\"col\">status</th><th scope=\"col\" class=\"n\">wall time</th></tr>\n</thead><tbody>\n",
          out);
    for (size_t i = 0; i < plan->count; i++) {
        const struct report_state *s = &states[order[i]];
        const struct experiment *x = s->experiment;
        fprintf(out, "<tr%s><th scope=\"row\"><a href=\"#%s\">%s</a></th><td class=\"wrap\">",
                s->computed_count ? "" : " class=\"missing\"", x->name, x->name);
        html_inline(*x->title ? x->title : x->summary, out);
        if (*x->title && *x->summary) {
            fputs("<span class=\"soft\">: ", out);
            html_inline(x->summary, out);
            fputs("</span>", out);
        }
        fputs("</td><td>", out);
        write_status(s, out);
        fputs("</td><td class=\"n\">", out);
        if (s->computed_count) {
            report_seconds(s->seconds, out);
        }
        fputs("</td></tr>\n", out);
        marked = marked || s->failed_count > 0;
    }
    fputs("</tbody></table></div>\n", out);
    if (marked) {
        fputs("<p class=\"small\"><span class=\"bad\">" REPORT_MARK "</span> uses ensembles that failed their "
              "thermalisation tests: results from them are not in equilibrium.</p>\n",
              out);
    }
}

static void write_failed(const struct report_state *s, FILE *out) {
    if (!s->failed_count) {
        return;
    }
    fputs("<div class=\"warn\"><p class=\"bad\">" REPORT_MARK
          " Ensembles that FAILED their thermalisation tests</p>\n<ul>\n",
          out);
    for (size_t i = 0; i < s->experiment->node_count; i++) {
        const char *said = report_thermalisation(s, i);
        if (report_failed(said)) {
            fputs("<li><code>", out);
            html_text(s->experiment->nodes[i]->name, out);
            fputs("</code>: ", out);
            html_text(said, out);
            fputs("</li>\n", out);
        }
    }
    fputs("</ul>\n<p>Figures and tables made from them are marked.</p></div>\n", out);
}

static enum status write_differs(const struct experiment *x, FILE *out, struct error *e) {
    struct report_list list;
    enum status status = report_split(x->differs, '|', &list, e);
    if (status != STATUS_OK || !list.count) {
        return status;
    }
    fputs("<div class=\"words\">\n<h3>Differences from the published protocol, and reasons</h3>\n<ul>\n", out);
    for (size_t i = 0; i < list.count; i++) {
        fputs("<li>", out);
        html_inline(list.item[i], out);
        fputs("</li>\n", out);
    }
    fputs("</ul>\n</div>\n", out);
    report_list_free(&list);
    return STATUS_OK;
}

static enum status write_experiment(const struct report_state *s, const char *variables,
                                    const struct published *published, struct report_environments *environments,
                                    FILE *out, struct error *e) {
    const struct experiment *x = s->experiment;
    fprintf(out, "<section id=\"%s\"%s>\n<h2>", x->name, s->computed_count ? "" : " class=\"missing\"");
    html_inline(*x->title ? x->title : x->name, out);
    fputs("</h2>\n<p>", out);
    html_inline(x->summary, out);
    fputs("</p>\n", out);
    write_failed(s, out);
    enum status status = s->computed_count ? report_results(s, out, e) : STATUS_OK;
    if (s->computed_count < x->node_count) {
        fprintf(out, "<p>%s: <code>make %s", s->computed_count ? "Not complete" : "Not computed yet", x->name);
        html_text(variables, out);
        fputs("</code> computes it", out);
        if (*x->cost) {
            fputs(" (takes ", out);
            html_text(x->cost, out);
            fputs(")", out);
        }
        fputs(".</p>\n", out);
    }
    THEN(status, report_published(s, published, out, e));
    THEN(status, write_differs(x, out, e));
    if (status == STATUS_OK && s->computed_count) {
        fputs("<div class=\"words\">\n<h3>Runs</h3>\n", out);
        report_ensembles(s, out);
        status = report_runs(s, environments, out, e);
        fputs("</div>\n", out);
    }
    fputs("</section>\n", out);
    return status;
}

static void write_introduction(const struct plan_request *request, const char *variables, FILE *out) {
    fputs("<h1>Diffusion models as stochastic quantization: results</h1>\n"
          "<p>Paper A: <em>Diffusion Models as Stochastic Quantization in Lattice Field Theory</em> (<a "
          "href=\"https://arxiv.org/abs/2309.17082\">arXiv:2309.17082</a>). "
          "Paper B: <em>Generative Diffusion Models for Lattice Field Theory</em> (<a "
          "href=\"https://arxiv.org/abs/2311.03578\">"
          "arXiv:2311.03578</a>).</p>\n"
          "<p>This page shows what <code>make report",
          out);
    html_text(variables, out);
    fputs("</code> found: every computed table and figure, beside the published numbers. A number in brackets is the "
          "error (one standard deviation) of the last digits; pull = (ours - published) / combined error.</p>\n",
          out);
    if (strcmp(request->profile, "paper")) {
        fputs("<div class=\"warn\"><p><strong>Profile <code>", out);
        html_text(request->profile, out);
        fputs("</code></strong>: smaller lattices, smaller data sets or shorter trainings than the papers'. These "
              "numbers show trends or test the programs; they do not reproduce the papers. The parameters of each "
              "step are listed under "
              "Runs.</p></div>\n",
              out);
    }
}

static enum status write_page(const struct plan *plan, const struct plan_request *request,
                              const struct published *published, const struct report_state *states, FILE *out,
                              struct error *e) {
    const char *variables = planner_variables(plan, request);
    struct report_environments environments = {0};
    enum status status = STATUS_OK;
    const size_t *order = page_order(states, plan);
    if (!order) {
        return pool_exhausted(e);
    }
    html_open("Diffusion models as stochastic quantization: results", out);
    write_navigation(states, order, plan, out);
    html_main(out);
    write_introduction(request, variables, out);
    write_contents(states, order, plan, out);
    for (size_t i = 0; i < plan->count && status == STATUS_OK; i++) {
        status = write_experiment(&states[order[i]], variables, published, &environments, out, e);
    }
    fputs("<section id=\"environments\">\n<h2>Environments of the runs</h2>\n", out);
    report_environments(&environments, out);
    fputs("</section>\n", out);
    html_close(out);
    return status;
}

enum status report_page(const struct plan *plan, const struct plan_request *request, FILE *out, struct error *e) {
    struct published *published = NULL;
    const char *path = pool_print(plan->pool, "%s/published.tsv", request->experiments);
    struct report_state *states = pool_take(plan->pool, (plan->count + 1) * sizeof *states);
    enum status status = path && states ? STATUS_OK : pool_exhausted(e);
    if (status == STATUS_OK && !access(path, R_OK)) {
        status = published_read(path, &published, e);
    }
    for (size_t i = 0; i < plan->count && status == STATUS_OK; i++) {
        status = report_state_read(plan, &plan->experiments[i], &states[i], e);
    }
    THEN(status, write_page(plan, request, published, states, out, e));
    for (size_t i = 0; states && i < plan->count; i++) {
        report_state_free(&states[i]);
    }
    published_free(published);
    return status;
}
