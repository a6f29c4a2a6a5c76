/* Markdown and columns of numbers as HTML: see html.h. */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "report/html.h"
#include "report/table.h"
#include "report/text.h"

/* The element that is open at the present line of a Markdown text. */
enum open { NOTHING, PARAGRAPH, LIST, TABLE };

enum { MOST_COLUMNS = 64 };

struct page {
    FILE *out;
    enum open open;
    bool right[MOST_COLUMNS]; /* of the open table: columns that are aligned to the right */
    const char *caption;      /* a line that ends with ':', in case a table follows; NULL: none */
};

/* No table followed: writes the line that was kept for its caption as a paragraph. */
static void drop_caption(struct page *p) {
    if (p->caption != NULL) {
        fputs("<p>", p->out);
        html_inline(p->caption, p->out);
        fputs("\n</p>\n", p->out);
        p->caption = NULL;
    }
}

static void close_block(struct page *p) {
    static const char *const ends[] = {"", "</p>\n", "</ul>\n", "</tbody></table></div>\n"};
    fputs(ends[p->open], p->out);
    p->open = NOTHING;
}

static char *trim(char *text) {
    text += strspn(text, " ");
    for (size_t n = strlen(text); n > 0 && (text[n - 1] == ' ' || text[n - 1] == '\r'); n--) {
        text[n - 1] = '\0';
    }
    return text;
}

/* Splits "| a | b |" in place; "\|" does not separate cells. */
static size_t split_row(char *line, char *cells[MOST_COLUMNS]) {
    size_t count = 0;
    char *start = line + 1;
    for (char *at = start; *at != '\0' && count < MOST_COLUMNS; at++) {
        if (*at == '\\' && at[1] != '\0') {
            at++;
        } else if (*at == '|') {
            *at = '\0';
            cells[count++] = trim(start);
            start = at + 1;
        }
    }
    return count;
}

void html_observable(const char *name, FILE *out) {
    const char *meaning = observable_meaning(name);
    if (*meaning == '\0') {
        html_inline(name, out);
        return;
    }
    fputs("<abbr title=\"", out);
    for (; *meaning != '\0'; meaning++) { /* a title cannot contain <code> */
        html_text((const char[]){*meaning == '`' ? ' ' : *meaning, '\0'}, out);
    }
    fputs("\">", out);
    for (const char *at = observable_print(name); *at != '\0'; at++) {
        const bool below = *at == '_' && at[1] != '\0';
        fputs(below ? "<sub>" : "", out);
        at += below;
        html_text((const char[]){*at, '\0'}, out);
        fputs(below ? "</sub>" : "", out);
    }
    fputs("</abbr>", out);
}

/* Writes the line with the names of the columns. */
static void write_names(struct page *p, char *line) {
    char *cells[MOST_COLUMNS];
    const size_t count = split_row(line, cells);
    fputs("<tr>", p->out);
    for (size_t i = 0; i < count; i++) {
        fprintf(p->out, "<th scope=\"col\"%s>", p->right[i] ? " class=\"n\"" : "");
        html_observable(cells[i], p->out);
        fputs("</th>", p->out);
    }
    fputs("</tr>\n", p->out);
}

static void write_row(struct page *p, char *line) {
    char *cells[MOST_COLUMNS];
    const size_t count = split_row(line, cells);
    const bool sub = count > 0 && strncmp(cells[0], "- ", 2) == 0; /* "- published", "- pull" */
    fprintf(p->out, "<tr%s>", sub ? " class=\"sub\"" : "");
    for (size_t i = 0; i < count; i++) {
        const char *tag = i == 0 && !p->right[0] ? "th" : "td";
        fprintf(p->out, "<%s%s%s>", tag, tag[1] == 'h' ? " scope=\"row\"" : "", p->right[i] ? " class=\"n\"" : "");
        html_inline(sub && i == 0 ? cells[i] + 2 : cells[i], p->out);
        fprintf(p->out, "</%s>", tag);
    }
    fputs("</tr>\n", p->out);
}

/* Opens a table: `names` is its line of names, `rule` the next line, which determines the alignment. */
static void open_table(struct page *p, char *names, char *rule) {
    char *cells[MOST_COLUMNS];
    const size_t count = split_row(rule, cells);
    memset(p->right, 0, sizeof p->right);
    for (size_t i = 0; i < count; i++) {
        const size_t n = strlen(cells[i]);
        p->right[i] = n > 0 && cells[i][n - 1] == ':' && cells[i][0] != ':';
    }
    close_block(p);
    fputs("<div class=\"wide\" tabindex=\"0\"><table>", p->out);
    if (p->caption != NULL) {
        fputs("<caption>", p->out);
        html_inline(p->caption, p->out);
        fputs("</caption>", p->out);
        p->caption = NULL;
    }
    fputs("<thead>\n", p->out);
    write_names(p, names);
    fputs("</thead><tbody>\n", p->out);
    p->open = TABLE;
}

static void write_block(struct page *p, enum open kind, const char *open, const char *text) {
    if (p->open != kind) {
        close_block(p);
        fputs(open, p->out);
        p->open = kind;
    }
    fputs(kind == LIST ? "<li>" : "", p->out);
    html_inline(text, p->out);
    fputs(kind == LIST ? "</li>\n" : "\n", p->out);
}

static bool is_rule(const char *line) {
    return line != NULL && line[0] == '|' && line[strspn(line, "|:- ")] == '\0';
}

enum status html_markdown(const char *markdown, FILE *out, struct error *e) {
    char *copy = strdup(markdown);
    if (copy == NULL) {
        return error_set(e, STATUS_FAILED, "report: out of memory");
    }
    struct page p = {.out = out};
    for (char *line = copy, *next; line != NULL; line = next) {
        next = strchr(line, '\n');
        if (next != NULL) {
            *next++ = '\0';
        }
        char *after = next != NULL && next[0] == '|' ? next : NULL, *end = after != NULL ? strchr(after, '\n') : NULL;
        if (line[0] == '|' && after != NULL && p.open != TABLE) {
            if (end != NULL) {
                *end = '\0';
            }
            if (is_rule(after)) {
                open_table(&p, line, after);
                next = end != NULL ? end + 1 : NULL;
                continue;
            }
            if (end != NULL) {
                *end = '\n';
            }
        }
        const size_t hashes = strspn(line, "#");
        if (line[0] == '|' && p.open == TABLE) {
            write_row(&p, line);
        } else if (line[strspn(line, " ")] == '\0') {
            close_block(&p);
        } else if (hashes > 0 && line[hashes] == ' ') {
            close_block(&p);
            drop_caption(&p);
            fputs("<h5>", out);
            html_inline(line + hashes + 1, out);
            fputs("</h5>\n", out);
        } else if (strncmp(line, "- ", 2) == 0) {
            drop_caption(&p);
            write_block(&p, LIST, "<ul class=\"small\">\n", line + 2);
        } else if (p.open == NOTHING && line[strlen(line) - 1] == ':') {
            drop_caption(&p);
            p.caption = line;
        } else {
            drop_caption(&p);
            write_block(&p, PARAGRAPH, "<p>", line);
        }
    }
    close_block(&p);
    drop_caption(&p);
    free(copy);
    return STATUS_OK;
}

/* Splits a line in place. */
static size_t split_tabs(char *line, char *cells[MOST_COLUMNS]) {
    size_t count = 0;
    for (char *cell = line, *tab; cell != NULL && count < MOST_COLUMNS; cell = tab) {
        tab = strchr(cell, '\t');
        if (tab != NULL) {
            *tab++ = '\0';
        }
        cells[count++] = cell;
    }
    return count;
}

static bool number_of(const char *text, double *x) {
    char *end;
    *x = strtod(text, &end);
    return text[0] != '\0' && *end == '\0';
}

/* Writes a number, with its error if it has one, or a text. */
static void write_cell(const char *text, const char *error_text, FILE *out) {
    double x, error;
    char number[REPORT_NUMBER];
    if (!number_of(text, &x)) {
        fputs("<td>", out);
        html_text(text, out);
    } else if (error_text != NULL && number_of(error_text, &error) && error > 0) {
        report_value(x, error, -1, number);
        fprintf(out, "<td class=\"n\">%s", number);
    } else {
        fprintf(out, "<td class=\"n\">%.5g", x);
    }
    fputs("</td>", out);
}

/* True if a column contains the errors of the previous one: "error", "chi2_error", "excess.error". */
static bool is_error(const char *name) {
    const size_t n = strlen(name), m = strlen("error");
    return n >= m && strcmp(name + n - m, "error") == 0 && (n == m || name[n - m - 1] == '_' || name[n - m - 1] == '.');
}

enum status html_tsv(const char *tsv, size_t most, FILE *out, struct error *e) {
    char *copy = strdup(tsv);
    if (copy == NULL) {
        return error_set(e, STATUS_FAILED, "report: out of memory");
    }
    size_t rows = 0;
    bool errors[MOST_COLUMNS + 1] = {false};
    fputs("<div class=\"wide\" tabindex=\"0\"><table><thead>\n", out);
    for (char *line = copy, *next; line != NULL; line = next) {
        next = strchr(line, '\n');
        if (next != NULL) {
            *next++ = '\0';
        }
        if (line[0] == '\0' || rows++ > most) {
            continue;
        }
        char *cells[MOST_COLUMNS];
        const size_t count = split_tabs(line, cells);
        fputs("<tr>", out);
        for (size_t i = 0; i < count; i++) {
            if (rows == 1 && i > 0) {
                errors[i] = is_error(cells[i]) && !is_error(cells[i - 1]);
            }
            if (errors[i]) {
                continue;
            }
            if (rows == 1) {
                fputs("<th scope=\"col\">", out);
                html_observable(cells[i], out);
                fputs("</th>", out);
            } else {
                write_cell(cells[i], errors[i + 1] && i + 1 < count ? cells[i + 1] : NULL, out);
            }
        }
        fputs(rows == 1 ? "</tr>\n</thead><tbody>\n" : "</tr>\n", out);
    }
    fputs(rows > 0 ? "</tbody></table></div>\n" : "</thead></table></div>\n", out);
    if (rows > most + 1) {
        fprintf(out,
                "<p class=\"soft small\">The first %zu of %zu rows; the .tsv file beside the figure has all.</p>\n",
                most, rows - 1);
    }
    free(copy);
    return STATUS_OK;
}
