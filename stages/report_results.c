/* Tables and figures in the report, and the published numbers beside ours; see report_page.h. */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "report/html.h"
#include "report/table.h"
#include "report/text.h"
#include "stages/report_page.h"
#include "store/record.h"

enum { MOST_ROWS = 200 }; /* of a figure's numbers */

static bool rests_on_failed(const struct report_state *s, const struct node *node) {
    for (size_t i = 0; i < s->experiment->node_count; i++) {
        if (s->experiment->nodes[i] == node) {
            return s->failed[i];
        }
    }
    return false;
}

/* Reads file NAME of the node's artifact and checks it against the run record. The caller frees the text. NULL with
 * status OK if the file does not exist. */
static enum status read_output(const struct report_state *s, const struct node *node, const char *name, char **text,
                               size_t *size, struct error *e) {
    const char *folder = plan_folder(s->plan, node);
    const char *path = folder ? pool_print(s->plan->pool, "%s/%s", folder, name) : NULL;
    *text = NULL;
    if (!path) {
        return pool_exhausted(e);
    }
    if (access(path, R_OK)) {
        return STATUS_OK;
    }
    char digest[65];
    enum status status = file_read(path, text, size, e);
    if (status == STATUS_OK) {
        sha256(*text, *size, digest);
        status = record_check_output(path, digest, e);
    }
    return status;
}

static void write_mark(const struct report_state *s, const struct node *node, FILE *out) {
    if (rests_on_failed(s, node)) {
        fputs(" <span class=\"bad\">" REPORT_MARK " made from an ensemble that FAILED its thermalisation tests.</span>",
              out);
    }
}

static void write_missing(const char *name, const struct node *node, FILE *out) {
    fputs("<p class=\"soft\">", out);
    html_text(name, out);
    fputs(strchr(node->name, '@') ? strchr(node->name, '@') : "", out);
    fputs(" is not computed yet.</p>\n", out);
}

/* Writes links to files of the node's artifact; files: pairs of file name and text of the link. */
static void write_links(const struct node *node, const char *const (*files)[2], FILE *out) {
    fputs("<span class=\"small\">", out);
    for (; (*files)[0]; files++) {
        fprintf(out, " <a href=\"artifacts/%s/%s\">%s</a>", node->key, (*files)[0], (*files)[1]);
    }
    fputs("</span>", out);
}

/* Without `missing`, writes the table if it is computed; with it, writes a remark if it is not computed. */
static enum status write_table(const struct report_state *s, const struct exported *x, const struct node *node,
                               bool missing, FILE *out, struct error *e) {
    char *text;
    size_t size;
    static const char *const files[][2] = {
        {"table.tsv", "TSV"}, {"table.md", "Markdown"}, {"table.tex", "LaTeX"}, {NULL, NULL}};
    enum status status = read_output(s, node, "table.md", &text, &size, e);
    if (status == STATUS_OK && !text && missing) {
        write_missing(x->name, node, out);
    } else if (status == STATUS_OK && text && !missing) {
        fputs("<div class=\"tables\">\n<h3>Table <code>", out);
        html_text(x->name, out);
        html_text(strchr(node->name, '@') ? strchr(node->name, '@') : "", out);
        fputs("</code>", out);
        write_links(node, files, out);
        fputs("</h3>\n", out);
        if (*x->summary || rests_on_failed(s, node)) {
            fputs("<p>", out);
            html_inline(x->summary, out);
            write_mark(s, node, out);
            fputs("</p>\n", out);
        }
        status = html_markdown(text, out, e);
        fputs("</div>\n", out);
    }
    free(text);
    return status;
}

static enum status write_figure(const struct report_state *s, const struct exported *x, const struct node *node,
                                bool missing, FILE *out, struct error *e) {
    char *svg, *numbers = NULL;
    size_t size, length;
    static const char *const files[][2] = {
        {"figure.pdf", "PDF"}, {"figure.svg", "SVG"}, {"figure.png", "PNG"}, {"figure.tsv", "numbers"}, {NULL, NULL}};
    const char *swept = strchr(node->name, '@');
    enum status status = read_output(s, node, "figure.svg", &svg, &size, e);
    if (status == STATUS_OK && !svg && missing) {
        write_missing(x->name, node, out);
    } else if (status == STATUS_OK && svg && !missing) {
        const char *caption = *x->summary ? x->summary : x->name;
        fputs("<figure>\n<div class=\"wide\" tabindex=\"0\">", out);
        html_svg(svg, size, caption, out);
        fputs("</div>\n<figcaption><strong>", out);
        html_text(x->name, out);
        html_text(swept ? swept : "", out);
        fputs("</strong>: ", out);
        html_inline(caption, out);
        fputs(".", out);
        write_mark(s, node, out);
        write_links(node, files, out);
        fputs("</figcaption>\n</figure>\n", out);
        status = read_output(s, node, "figure.tsv", &numbers, &length, e);
    }
    const char *names_end = numbers ? strchr(numbers, '\n') : NULL;
    if (status == STATUS_OK && names_end && names_end[1]) { /* a schematic figure has none */
        fputs("<details class=\"numbers\"><summary>The numbers of ", out);
        html_text(x->name, out);
        fputs("</summary>\n", out);
        status = html_tsv(numbers, MOST_ROWS, out, e);
        fputs("</details>\n", out);
    }
    free(svg);
    free(numbers);
    return status;
}

/* Writes the table of the experiment's tool, ROOT/NAME/TOOL.md. */
static enum status write_tool(const struct report_state *s, FILE *out, struct error *e) {
    const char *path =
        pool_print(s->plan->pool, "%s/%s/%s.md", s->plan->root, s->experiment->name, s->experiment->tool);
    char *text = NULL;
    size_t size;
    if (!path) {
        return pool_exhausted(e);
    }
    if (!*s->experiment->tool || access(path, R_OK)) {
        return STATUS_OK;
    }
    enum status status = file_read(path, &text, &size, e);
    THEN(status, html_markdown(text, out, e));
    free(text);
    return status;
}

enum status report_results(const struct report_state *s, FILE *out, struct error *e) {
    const struct experiment *x = s->experiment;
    enum status status = write_tool(s, out, e);
    for (int part = 0; part < 4; part++) { /* tables, figures, missing tables, missing figures */
        const bool figures = part % 2 == 1, missing = part >= 2;
        for (size_t i = 0; i < x->export_count && status == STATUS_OK; i++) {
            const struct exported *export = &x->exports[i];
            for (size_t j = 0; j < export->family->node_count && status == STATUS_OK; j++) {
                if (export->is_figure == figures) {
                    status =
                        (figures ? write_figure : write_table)(s, export, export->family->nodes[j], missing, out, e);
                }
            }
        }
    }
    return status;
}

/* --- published numbers ---------------------------------------------------------------------------- */

/* Writes the label of a data set in the tables of the experiment, or its name if it has no label. */
static enum status write_dataset(const struct experiment *x, const char *dataset, FILE *out, struct error *e) {
    enum status status = STATUS_OK;
    bool found = false;
    for (size_t i = 0; i < x->export_count && !found && status == STATUS_OK; i++) {
        const struct family *family = x->exports[i].family;
        if (strcmp(family->stage->name, "table") != 0 || family->node_count == 0) {
            continue;
        }
        struct report_list names = {0}, labels = {0};
        status = report_split(parameters_text(family->nodes[0]->parameters, "datasets"), ',', &names, e);
        THEN(status, report_split(parameters_text(family->nodes[0]->parameters, "labels"), '|', &labels, e));
        for (size_t k = 0; k < names.count && k < labels.count && !found; k++) {
            if (!strcmp(names.item[k], dataset)) {
                html_text(labels.item[k], out);
                found = true;
            }
        }
        report_list_free(&names);
        report_list_free(&labels);
    }
    if (!found) {
        html_text(dataset, out);
    }
    return status;
}

static enum status write_published(const struct report_state *s, const struct published_value *p, FILE *out,
                                   struct error *e) {
    const struct experiment *x = s->experiment;
    char published[REPORT_NUMBER], ours[REPORT_NUMBER] = "", pulled[REPORT_NUMBER] = "";
    report_value(p->value, p->error, p->decimals, published);
    bool found = false;
    enum status status = STATUS_OK;
    for (size_t i = 0; i < x->export_count && !found; i++) {
        for (size_t j = 0; j < x->exports[i].family->node_count && !found && !x->exports[i].is_figure; j++) {
            char *tsv;
            size_t size;
            struct table_line line;
            TRY(read_output(s, x->exports[i].family->nodes[j], "table.tsv", &tsv, &size, e));
            /* a row without a published value is of another theory, lattice or protocol */
            if (tsv && table_find_line(tsv, p->dataset, p->observable, &line) && isfinite(line.published)) {
                found = true;
                report_value(line.value, line.error, -1, ours);
                report_pull_text(line.pull, pulled);
            }
            free(tsv);
        }
    }
    fputs("<tr><th scope=\"row\">", out);
    status = write_dataset(x, p->dataset, out, e);
    fputs("</th><td>", out);
    html_observable(p->observable, out);
    fprintf(out, "</td><td class=\"n\">%s</td><td class=\"n\">%s</td><td class=\"n\">%s</td><td>", ours, published,
            pulled);
    html_text(p->source, out);
    fputs("</td></tr>\n", out);
    return status;
}

/* Whether published numbers under this name belong to the experiment: it is the experiment's name, or that of a figure
 * or table that it exports. */
static bool belongs(const struct experiment *x, const char *name) {
    bool yes = !strcmp(x->name, name);
    for (size_t i = 0; i < x->export_count && !yes; i++) {
        yes = !strcmp(x->exports[i].name, name);
    }
    return yes;
}

enum status report_published(const struct report_state *s, const struct published *published, FILE *out,
                             struct error *e) {
    bool any = false;
    enum status status = STATUS_OK;
    for (size_t i = 0; published && i < published_count(published) && status == STATUS_OK; i++) {
        const struct published_value *p = published_at(published, i);
        if (!belongs(s->experiment, p->experiment)) {
            continue;
        }
        if (!any) {
            fputs("<div class=\"tables\">\n<h3>Published numbers</h3>\n<div class=\"wide\" "
                  "tabindex=\"0\"><table><caption>The "
                  "papers' numbers, and ours of the same name</caption><thead>\n<tr><th scope=\"col\">data set</th><th "
                  "scope=\"col\">"
                  "observable</th><th scope=\"col\" class=\"n\">ours</th><th scope=\"col\" class=\"n\">published</th>"
                  "<th scope=\"col\" class=\"n\">pull</th><th scope=\"col\">source</th></tr>\n</thead><tbody>\n",
                  out);
            any = true;
        }
        status = write_published(s, p, out, e);
    }
    fputs(any ? "</tbody></table></div>\n</div>\n" : "", out);
    return status;
}
