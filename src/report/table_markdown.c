/* Tables as Markdown that can also be read on a terminal: columns are padded, and a table wider than about 100
 * characters is split into several. See table.h. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "report/table.h"

#define PAGE 100
#define MOST_COLUMNS 32 /* of one table; further columns are in the next one */

/* The number of a cell that is shown. */
enum content { VALUE, PUBLISHED, PULL, PULL_EQUILIBRIUM, TAU_INT };

/* A line of a table: a dataset, and the kind of its numbers. */
struct line {
    size_t row;
    enum content content;
    const char *label;
};

static void cell_text(const struct table *table, const struct line *line, size_t column, char text[REPORT_NUMBER]) {
    const struct table_cell *cell = table_cell(table, line->row, column);
    text[0] = '\0';
    switch (line->content) {
    case VALUE:
        if (cell->present) {
            report_value(cell->value, cell->error, -1, text);
        }
        break;
    case PUBLISHED:
        if (cell->published != NULL) {
            report_value(cell->published->value, cell->published->error, cell->published->decimals, text);
        }
        break;
    case PULL:
        report_pull_text(cell->pull, text);
        break;
    case PULL_EQUILIBRIUM:
        report_pull_text(cell->pull_equilibrium, text);
        break;
    case TAU_INT:
        if (cell->present && isnan(cell->tau_int)) {
            strcpy(text, "open");
        } else if (cell->present) {
            report_value(cell->tau_int, cell->tau_int_error, -1, text);
        }
        break;
    }
}

static void repeat(char character, size_t times, FILE *out) {
    for (size_t i = 0; i < times; i++) {
        fputc(character, out);
    }
}

/* Writes " text   |", or, aligned to the right, "   text |". */
static void write_cell(const char *text, size_t width, bool left, FILE *out) {
    size_t used = report_width(text), blanks = used < width ? width - used : 0;
    fputc(' ', out);
    repeat(' ', left ? 0 : blanks, out);
    fputs(text, out);
    repeat(' ', left ? blanks : 0, out);
    fputs(" |", out);
}

static void write_rule(size_t width, bool left, FILE *out) {
    fputc(left ? ':' : '-', out);
    repeat('-', width, out);
    fputs(left ? "-|" : ":|", out);
}

static size_t label_width(const struct line *lines, size_t count, const char *corner) {
    size_t width = report_width(corner);
    for (size_t i = 0; i < count; i++) {
        size_t w = report_width(lines[i].label);
        width = w > width ? w : width;
    }
    return width;
}

static size_t column_width(const struct table *table, const struct line *lines, size_t count, size_t column) {
    size_t width = report_width(table->observable[column]);
    for (size_t i = 0; i < count; i++) {
        char text[REPORT_NUMBER];
        cell_text(table, &lines[i], column, text);
        size_t w = report_width(text);
        width = w > width ? w : width;
    }
    return width;
}

/* Writes tables of the given lines with the columns first ... last-1. */
static void write_tables(const struct table *table, const struct line *lines, size_t count, size_t first, size_t last,
                         FILE *out) {
    static const char corner[] = "data set";
    size_t label = label_width(lines, count, corner);
    while (first < last && count > 0) {
        size_t width[MOST_COLUMNS], page = label + 4, end = first;
        for (; end < last && end - first < MOST_COLUMNS; end++) {
            size_t w = column_width(table, lines, count, end);
            if (end > first && page + w + 3 > PAGE) {
                break;
            }
            page += w + 3;
            width[end - first] = w;
        }
        fputs("\n|", out);
        write_cell(corner, label, true, out);
        for (size_t c = first; c < end; c++) {
            write_cell(table->observable[c], width[c - first], false, out);
        }
        fputs("\n|", out);
        write_rule(label, true, out);
        for (size_t c = first; c < end; c++) {
            write_rule(width[c - first], false, out);
        }
        for (size_t i = 0; i < count; i++) {
            fputs("\n|", out);
            write_cell(lines[i].label, label, true, out);
            for (size_t c = first; c < end; c++) {
                char text[REPORT_NUMBER];
                cell_text(table, &lines[i], c, text);
                write_cell(text, width[c - first], false, out);
            }
        }
        fputc('\n', out);
        first = end;
    }
}

/* Lines of all rows; TAU_INT: of chains only; PULL_EQUILIBRIUM: except that of the equilibrium run itself. */
static size_t all_rows(const struct table *table, enum content content, struct line *lines) {
    size_t count = 0;
    for (size_t r = 0; r < table->rows; r++) {
        bool chain = strcmp(table->row[r].estimates.method, "gamma") == 0;
        bool itself = strcmp(table->row[r].dataset, "equilibrium") == 0;
        if ((content == TAU_INT && !chain) || (content == PULL_EQUILIBRIUM && itself)) {
            continue;
        }
        lines[count++] = (struct line){r, content, table->row[r].label};
    }
    return count;
}

static bool any_open(const struct table *table, const struct line *lines, size_t count) {
    bool open = false;
    for (size_t i = 0; i < count; i++) {
        for (size_t c = 0; c < table->columns; c++) {
            const struct table_cell *cell = table_cell(table, lines[i].row, c);
            open = open || (cell->present && isnan(cell->tau_int));
        }
    }
    return open;
}

/* Lines of the published observables: for each row our values, the published ones and the pulls, if it has any. */
static size_t published_rows(const struct table *table, struct line *lines) {
    size_t count = 0;
    for (size_t r = 0; r < table->rows; r++) {
        bool published = false, pull = false;
        for (size_t c = 0; c < table->published; c++) {
            const struct table_cell *cell = table_cell(table, r, c);
            published = published || cell->published != NULL;
            pull = pull || !isnan(cell->pull);
        }
        lines[count++] = (struct line){r, VALUE, table->row[r].label};
        if (published) {
            lines[count++] = (struct line){r, PUBLISHED, "- published"};
        }
        if (pull) {
            lines[count++] = (struct line){r, PULL, "- pull"};
        }
    }
    return count;
}

static void write_statistics(const struct table *table, struct line *lines, FILE *out) {
    static const char *const header[] = {"data set", "configurations", "errors"};
    size_t count = all_rows(table, VALUE, lines);
    size_t label = label_width(lines, count, header[0]), number = strlen(header[1]), method = strlen("jackknife");
    fputs("\n|", out);
    write_cell(header[0], label, true, out);
    write_cell(header[1], number, false, out);
    write_cell(header[2], method, true, out);
    fputs("\n|", out);
    write_rule(label, true, out);
    write_rule(number, false, out);
    write_rule(method, true, out);
    for (size_t r = 0; r < table->rows; r++) {
        char text[REPORT_NUMBER];
        snprintf(text, sizeof text, "%lld", (long long)table->row[r].estimates.configurations);
        fputs("\n|", out);
        write_cell(table->row[r].label, label, true, out);
        write_cell(text, number, false, out);
        write_cell(table->row[r].estimates.method, method, true, out);
    }
    fputc('\n', out);
}

enum status table_write_markdown(const struct table *table, FILE *out, struct error *e) {
    struct line *lines = calloc(3 * table->rows, sizeof *lines);
    if (lines == NULL) {
        return error_set(e, STATUS_FAILED, "out of memory for a table");
    }
    if (table->title[0] != '\0') {
        fprintf(out, "# %s\n\n", table->title);
    }
    fputs("A number in brackets is the error (one standard deviation) of the last digits.\n\n", out);
    if (table->published > 0) {
        fputs("Published observables; pull = (ours - published) / combined error:\n", out);
        write_tables(table, lines, published_rows(table, lines), 0, table->published, out);
    }
    if (table->columns > table->published) {
        fputs(table->published > 0 ? "\nFurther observables:\n" : "Observables:\n", out);
        write_tables(table, lines, all_rows(table, VALUE, lines), table->published, table->columns, out);
    }
    if (table->equilibrium && table->rows > 1) {
        fputs("\nPull against the equilibrium run, (value - equilibrium) / combined error:\n", out);
        write_tables(table, lines, all_rows(table, PULL_EQUILIBRIUM, lines), 0, table->columns, out);
    }
    fputs("\nStatistics:\n", out);
    write_statistics(table, lines, out);
    size_t chains = all_rows(table, TAU_INT, lines);
    if (chains > 0) {
        fputs("\nIntegrated autocorrelation times of the chains, in units of stored configurations:\n", out);
        write_tables(table, lines, chains, 0, table->columns, out);
        if (any_open(table, lines, chains)) {
            fputs("\nopen: the window of the Gamma method does not close, and the error is that of a jackknife over "
                  "chains, or, with fewer than 16 of them, too small.\n",
                  out);
        }
    }
    fputc('\n', out);
    for (size_t c = 0; c < table->columns; c++) {
        const char *meaning = observable_meaning(table->observable[c]);
        if (meaning[0] != '\0') {
            fprintf(out, "- `%s`: %s\n", table->observable[c], meaning);
        }
    }
    for (size_t i = 0; i < table->notes.count; i++) {
        fprintf(out, "\n%s\n", table->notes.item[i]);
    }
    free(lines);
    return STATUS_OK;
}
