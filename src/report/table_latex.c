/* Tables for LaTeX with booktabs: what the paper prints, then the further observables. See table.h. */
#include <math.h>
#include <string.h>

#include "report/table.h"

static void write_header(const struct table *table, size_t first, size_t last, FILE *out) {
    fputs("data set", out);
    for (size_t c = first; c < last; c++) {
        const char *tex = observable_tex(table->observable[c]);
        if (tex != NULL) {
            fprintf(out, " & $%s$", tex);
        } else {
            fputs(" & \\texttt{", out);
            report_tex(table->observable[c], out);
            fputc('}', out);
        }
    }
    fputs(" \\\\\n\\midrule\n", out);
}

/* One line; numbers in mathematical mode, so that a minus is one. */
static void write_numbers(const struct table *table, size_t row, size_t first, size_t last, int what, FILE *out) {
    for (size_t c = first; c < last; c++) {
        const struct table_cell *cell = table_cell(table, row, c);
        const struct published_value *p = cell->published;
        char text[REPORT_NUMBER] = "";
        if (what == 0 && cell->present) {
            report_value(cell->value, cell->error, -1, text);
        } else if (what == 1 && p != NULL) {
            report_value(p->value, p->error, p->decimals, text);
        } else if (what == 2) {
            report_pull_text(cell->pull, text);
        } else if (what == 3) {
            report_pull_text(cell->pull_equilibrium, text);
        }
        if (text[0] != '\0') {
            fprintf(out, " & $%s$", text);
        } else {
            fputs(" &", out);
        }
    }
    fputs(" \\\\\n", out);
}

static bool has_any(const struct table *table, size_t row, size_t first, size_t last, int what) {
    for (size_t c = first; c < last; c++) {
        const struct table_cell *cell = table_cell(table, row, c);
        if ((what == 1 && cell->published != NULL) || (what == 2 && !isnan(cell->pull)) ||
            (what == 3 && !isnan(cell->pull_equilibrium))) {
            return true;
        }
    }
    return false;
}

static void write_block(const struct table *table, size_t first, size_t last, FILE *out) {
    static const char *const label[] = {"", "published", "pull", "pull against equilibrium"};
    fputs("\\begin{tabular}{l", out);
    for (size_t c = first; c < last; c++) {
        fputc('r', out);
    }
    fputs("}\n\\toprule\n", out);
    write_header(table, first, last, out);
    for (size_t r = 0; r < table->rows; r++) {
        report_tex(table->row[r].label, out);
        write_numbers(table, r, first, last, 0, out);
        for (int what = 1; what <= 3; what++) {
            if (has_any(table, r, first, last, what)) {
                fprintf(out, "\\quad %s", label[what]);
                write_numbers(table, r, first, last, what, out);
            }
        }
    }
    fputs("\\bottomrule\n\\end{tabular}\n", out);
}

void table_write_latex(const struct table *table, FILE *out) {
    fputs("% needs \\usepackage{booktabs}\n\\begin{table}\n\\centering\n\\small\n", out);
    if (table->title[0] != '\0') {
        fputs("\\caption{", out);
        report_tex(table->title, out);
        fputs("}\n", out);
    }
    /* at most four observables side by side fit a page */
    for (size_t first = 0, last; first < table->columns; first = last) {
        size_t end = first < table->published ? table->published : table->columns;
        last = first + 4 < end ? first + 4 : end;
        if (first > 0) {
            fputs("\n\\medskip\n", out);
        }
        write_block(table, first, last, out);
    }
    for (size_t i = 0; i < table->notes.count; i++) {
        fputs("\n\\medskip\n\\parbox{\\linewidth}{\\footnotesize ", out);
        report_tex(table->notes.item[i], out);
        fputs("}\n", out);
    }
    fputs("\\end{table}\n", out);
}
