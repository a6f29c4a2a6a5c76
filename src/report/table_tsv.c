/* A table as lines with tabs, for programs: writing and reading. See table.h. */
#include "report/table.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char header[] = "dataset\tobservable\tvalue\terror\tpublished\tpublished_error\tpull\n";

/* Writes a tab and, if there is one, the number. */
static void write_number(bool known, double number, FILE *out) {
    fputc('\t', out);
    if (known) {
        fprintf(out, "%.10g", isnan(number) ? (double)NAN : number); /* never "-nan" */
    }
}

void table_write_tsv(const struct table *table, FILE *out) {
    fputs(header, out);
    for (int others = 0; others <= 1; others++) {
        size_t first = others ? table->published : 0, last = others ? table->columns : table->published;
        for (size_t r = 0; r < table->rows; r++) {
            for (size_t c = first; c < last; c++) {
                const struct table_cell *cell = table_cell(table, r, c);
                const struct published_value *p = cell->published;
                if (!cell->present && p == NULL) {
                    continue;
                }
                fprintf(out, "%s\t%s", table->row[r].dataset, table->observable[c]);
                write_number(cell->present, cell->value, out);
                write_number(cell->present, cell->error != 0 ? cell->error : NAN,
                             out); /* 0: unknown, of a series that never changed */
                write_number(p != NULL, p != NULL ? p->value : 0, out);
                write_number(p != NULL && !isnan(p->error), p != NULL ? p->error : 0, out);
                write_number(!isnan(cell->pull), cell->pull, out);
                fputc('\n', out);
            }
        }
    }
}

bool table_next_line(const char **at, struct table_line *line) {
    for (; **at != '\0'; *at += **at == '\n') {
        char field[7][128] = {"", "", "", "", "", "", ""};
        size_t fields = 0;
        const bool first = strncmp(*at, header, strlen(header)) == 0;
        for (bool more = true; more; fields++) {
            const size_t length = strcspn(*at, "\t\n");
            if (fields < 7) {
                snprintf(field[fields], sizeof field[fields], "%.*s", (int)length, *at);
            }
            *at += length;
            more = **at == '\t';
            *at += more;
        }
        if (first || fields != 7) {
            continue;
        }
        double *const numbers[] = {&line->value, &line->error, &line->published, &line->published_error, &line->pull};
        memcpy(line->dataset, field[0], sizeof line->dataset);
        memcpy(line->observable, field[1], sizeof line->observable);
        for (size_t i = 0; i < 5; i++) {
            *numbers[i] = *field[i + 2] != '\0' ? strtod(field[i + 2], NULL) : (double)NAN;
        }
        *at += **at == '\n';
        return true;
    }
    return false;
}

bool table_find_line(const char *tsv, const char *dataset, const char *observable, struct table_line *line) {
    while (table_next_line(&tsv, line)) {
        if (strcmp(line->dataset, dataset) == 0 && strcmp(line->observable, observable) == 0) {
            return true;
        }
    }
    return false;
}
