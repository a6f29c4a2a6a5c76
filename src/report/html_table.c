/* Markdown and columns of numbers as HTML, see html.h. */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "report/html.h"
#include "report/text.h"

/* What is open while the lines of a Markdown text pass. */
enum open { NOTHING, PARAGRAPH, LIST, TABLE };

enum { MOST_COLUMNS = 64 };

struct page {
    FILE *out;
    enum open open;
    bool right[MOST_COLUMNS]; /* of the open table: columns that stand on the right */
};

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

/* Splits "| a | b |" in place; "\|" is no border. */
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

static void write_row(struct page *p, char *line, const char *tag) {
    char *cells[MOST_COLUMNS];
    const size_t count = split_row(line, cells);
    const bool sub = count > 0 && strncmp(cells[0], "- ", 2) == 0; /* "- published", "- pull" */
    fprintf(p->out, "<tr%s>", sub ? " class=\"sub\"" : "");
    for (size_t i = 0; i < count; i++) {
        fprintf(p->out, "<%s%s>", tag, p->right[i] ? " class=\"n\"" : "");
        html_inline(sub && i == 0 ? cells[i] + 2 : cells[i], p->out);
        fprintf(p->out, "</%s>", tag);
    }
    fputs("</tr>\n", p->out);
}

/* The head of a table: its line of names, and the one below that says where columns stand. */
static void open_table(struct page *p, char *names, char *rule) {
    char *cells[MOST_COLUMNS];
    const size_t count = split_row(rule, cells);
    memset(p->right, 0, sizeof p->right);
    for (size_t i = 0; i < count; i++) {
        const size_t n = strlen(cells[i]);
        p->right[i] = n > 0 && cells[i][n - 1] == ':' && cells[i][0] != ':';
    }
    close_block(p);
    fputs("<div class=\"wide\" tabindex=\"0\"><table><thead>\n", p->out);
    write_row(p, names, "th");
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
            write_row(&p, line, "td");
        } else if (line[strspn(line, " ")] == '\0') {
            close_block(&p);
        } else if (hashes > 0 && line[hashes] == ' ') {
            close_block(&p);
            fputs("<h5>", out);
            html_inline(line + hashes + 1, out);
            fputs("</h5>\n", out);
        } else if (strncmp(line, "- ", 2) == 0) {
            write_block(&p, LIST, "<ul class=\"small\">\n", line + 2);
        } else {
            write_block(&p, PARAGRAPH, "<p>", line);
        }
    }
    close_block(&p);
    free(copy);
    return STATUS_OK;
}

static void write_number(const char *text, const char *tag, FILE *out) {
    char *end;
    const double x = strtod(text, &end);
    if (text[0] != '\0' && *end == '\0') {
        fprintf(out, "<%s class=\"n\">%.5g</%s>", tag, x, tag);
    } else {
        fprintf(out, "<%s>", tag);
        html_text(text, out);
        fprintf(out, "</%s>", tag);
    }
}

enum status html_tsv(const char *tsv, size_t most, FILE *out, struct error *e) {
    char *copy = strdup(tsv);
    if (copy == NULL) {
        return error_set(e, STATUS_FAILED, "report: out of memory");
    }
    size_t rows = 0;
    fputs("<div class=\"wide\" tabindex=\"0\"><table><thead>\n", out);
    for (char *line = copy, *next; line != NULL; line = next) {
        next = strchr(line, '\n');
        if (next != NULL) {
            *next++ = '\0';
        }
        if (line[0] == '\0' || rows++ > most) {
            continue;
        }
        fputs("<tr>", out);
        for (char *cell = line, *tab; cell != NULL; cell = tab) {
            tab = strchr(cell, '\t');
            if (tab != NULL) {
                *tab++ = '\0';
            }
            write_number(cell, rows == 1 ? "th" : "td", out);
        }
        fputs(rows == 1 ? "</tr>\n</thead><tbody>\n" : "</tr>\n", out);
    }
    fputs(rows > 0 ? "</tbody></table></div>\n" : "</thead></table></div>\n", out);
    if (rows > most + 1) {
        fprintf(out, "<p class=\"soft small\">The first %zu of %zu rows; the file beside the figure has all.</p>\n", most,
                rows - 1);
    }
    free(copy);
    return STATUS_OK;
}
