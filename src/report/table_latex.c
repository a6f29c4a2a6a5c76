/* Tables for LaTeX, with booktabs and the alignment of siunitx: a float, tabulars for another float, and a macro for
 * every number. See table.h.
 *
 * A table that fits into a journal column of 89 mm is a `table`, with labels on lines of their own. Any other is a
 * `table*` of 183 mm, with labels before the numbers. Widths are those of \footnotesize in Computer Modern, 8 pt, where
 * a digit is 4.25 pt wide. */
#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "report/table.h"
#include "report/tex.h"

enum { ONE_COLUMN = 89, TWO_COLUMNS = 183, LINES_OF_ONE = 45, MOST_COLUMNS = 64 };
enum content { OURS, PUBLISHED, PULL, PULL_EQUILIBRIUM, CONTENTS };

static const char *const content_label[CONTENTS] = {"this work", "published", "pull", "pull on equilibrium"};
static const char *const content_macro[CONTENTS] = {"", "Published", "Pull", "PullEquilibrium"};

/* Widths in mm: of a digit, of a letter of a label on average, and of the gap between two columns. */
static const double digit_width = 1.5, letter_width = 1.42, gap = 2.2;

static struct tex_number number_of(const struct table *table, size_t row, size_t column, enum content content) {
    const struct table_cell *cell = table_cell(table, row, column);
    char text[REPORT_NUMBER] = "";
    switch (content) {
    case OURS:
        return cell->present ? tex_number(cell->value, cell->error, -1) : tex_number(NAN, NAN, -1);
    case PUBLISHED:
        return cell->published ? tex_number(cell->published->value, cell->published->error, cell->published->decimals)
                               : tex_number(NAN, NAN, -1);
    case PULL:
        report_pull_text(cell->pull, text);
        break;
    default:
        report_pull_text(cell->pull_equilibrium, text);
    }
    return tex_number_read(text);
}

static bool has_any(const struct table *table, size_t row, size_t first, size_t last, enum content content) {
    for (size_t c = first; c < last; c++) {
        if (number_of(table, row, c, content).kind != TEX_NOTHING) {
            return true;
        }
    }
    return content == OURS;
}

/* The width of a column and, for the alignment at the decimal point, its largest numbers of digits. */
struct column {
    size_t before, after, uncertainty;
    bool sign;
    double width; /* mm */
};

static struct column measure(const struct table *table, size_t c) {
    struct column column = {.before = 1};
    size_t widest = 4; /* digits: the width of a name like <S>/V */
    for (size_t r = 0; r < table->rows; r++) {
        for (int content = 0; content < CONTENTS; content++) {
            const struct tex_number n = number_of(table, r, c, (enum content)content);
            if (n.kind == TEX_PLAIN) {
                column.before = n.before > column.before ? n.before : column.before;
                column.after = n.after > column.after ? n.after : column.after;
                column.uncertainty = n.uncertainty > column.uncertainty ? n.uncertainty : column.uncertainty;
                column.sign = column.sign || n.sign;
            } else if (n.kind == TEX_OTHER) {
                widest = n.width > widest ? n.width : widest;
            }
        }
    }
    const size_t plain = column.sign + column.before + (column.after > 0) + column.after +
                         (column.uncertainty > 0 ? 2 + column.uncertainty : 0);
    column.width = digit_width * (double)(plain > widest ? plain : widest);
    return column;
}

/* Layout of a table: for one journal column or two, with its own columns in blocks one below the other. */
struct layout {
    bool wide;
    double label; /* width of the labels, mm */
    struct column column[MOST_COLUMNS];
    size_t columns, block_end[MOST_COLUMNS], blocks;
};

/* Distributes the columns to blocks greedily, published observables separately. Returns the number of blocks. */
static size_t fill_blocks(const struct table *table, struct layout *l, double room) {
    l->blocks = 0;
    for (size_t first = 0; first < l->columns;) {
        const size_t end = first < table->published ? table->published : l->columns;
        size_t last = first;
        double used = l->label;
        while (last < end && (last == first || used + gap + l->column[last].width <= room)) {
            used += gap + l->column[last++].width;
        }
        l->block_end[l->blocks++] = first = last;
    }
    return l->blocks;
}

static size_t lines(const struct table *table, const struct layout *l) {
    size_t count = 0;
    for (size_t b = 0, first = 0; b < l->blocks; first = l->block_end[b++]) {
        count += 4;
        for (size_t r = 0; r < table->rows; r++) {
            for (int content = 0; content < CONTENTS; content++) {
                count += has_any(table, r, first, l->block_end[b], (enum content)content);
            }
            count += !l->wide;
        }
    }
    return count;
}

static struct layout lay_out(const struct table *table) {
    struct layout l = {.columns = table->columns < MOST_COLUMNS ? table->columns : MOST_COLUMNS};
    for (size_t c = 0; c < l.columns; c++) {
        l.column[c] = measure(table, c);
    }
    l.label = letter_width * (double)strlen(content_label[PULL_EQUILIBRIUM]);
    fill_blocks(table, &l, ONE_COLUMN);
    const size_t least = table->published > 0 && table->published < table->columns ? 2 : 1;
    if (l.blocks <= least && lines(table, &l) <= LINES_OF_ONE) {
        return l;
    }
    l.wide = true;
    for (size_t r = 0; r < table->rows; r++) {
        const double width = letter_width * (double)report_width(table->row[r].label);
        l.label = width > l.label ? width : l.label;
    }
    fill_blocks(table, &l, TWO_COLUMNS);
    return l;
}

static void write_columns(const struct layout *l, size_t first, size_t last, FILE *out) {
    fputs("\\begin{tabular}{@{}l", out);
    for (size_t c = first; c < last; c++) {
        const struct column *column = &l->column[c];
        fprintf(out, "S[table-format=%s%zu.%zu", column->sign ? "+" : "", column->before, column->after);
        if (column->uncertainty > 0) {
            fprintf(out, "(%zu)", column->uncertainty);
        }
        fputc(']', out);
    }
    fputs("@{}}\n\\toprule\n", out);
}

static void write_names(const struct table *table, size_t first, size_t last, FILE *out) {
    for (size_t c = first; c < last; c++) {
        const char *tex = observable_tex(table->observable[c]);
        fputs(" & {", out);
        if (tex) {
            fprintf(out, "$%s$", tex);
        } else {
            fputs("\\texttt{", out);
            report_tex(table->observable[c], out);
            fputc('}', out);
        }
        fputc('}', out);
    }
    fputs(" \\\\\n\\midrule\n", out);
}

static void write_numbers(const struct table *table, size_t row, size_t first, size_t last, enum content content,
                          FILE *out) {
    for (size_t c = first; c < last; c++) {
        const struct tex_number n = number_of(table, row, c, content);
        fputs(" &", out);
        if (n.kind == TEX_PLAIN) {
            fprintf(out, " %s", n.text);
        } else if (n.kind == TEX_OTHER) {
            fprintf(out, " {$%s$}", n.text);
        }
    }
    fputs(" \\\\\n", out);
}

static void write_row(const struct table *table, const struct layout *l, size_t row, size_t first, size_t last,
                      FILE *out) {
    if (!l->wide) {
        fprintf(out, "\\multicolumn{%zu}{@{}l@{}}{", last - first + 1);
        tex_text(table->row[row].label, out);
        fputs("} \\\\*\n", out);
    }
    for (int content = 0; content < CONTENTS; content++) {
        if (!has_any(table, row, first, last, (enum content)content)) {
            continue;
        }
        if (l->wide && content == OURS) {
            tex_text(table->row[row].label, out);
        } else {
            fprintf(out, "\\quad %s", content_label[content]);
        }
        write_numbers(table, row, first, last, (enum content)content, out);
    }
}

static void write_tabulars(const struct table *table, const struct layout *l, FILE *out) {
    for (size_t b = 0, first = 0; b < l->blocks; first = l->block_end[b++]) {
        if (b > 0) {
            fputs("\n\\medskip\n", out);
        }
        write_columns(l, first, l->block_end[b], out);
        write_names(table, first, l->block_end[b], out);
        for (size_t r = 0; r < table->rows; r++) {
            fputs(r > 0 ? "\\addlinespace[2pt]\n" : "", out);
            write_row(table, l, r, first, l->block_end[b], out);
        }
        fputs("\\bottomrule\n\\end{tabular}\n", out);
    }
}

static void write_needs(FILE *out) {
    fputs("% needs \\usepackage{booktabs,siunitx}\n", out);
}

/* retain-explicit-plus: "+1.4" keeps its sign. */
static const char settings[] =
    "\\par\\smallskip\n\\footnotesize\n\\setlength{\\tabcolsep}{3pt}\n\\sisetup{retain-explicit-plus}\n";

void table_write_tabular(const struct table *table, FILE *out) {
    const struct layout l = lay_out(table);
    write_needs(out);
    fprintf(out, "%% %s; after \\footnotesize, \\setlength{\\tabcolsep}{3pt} and \\sisetup{retain-explicit-plus}\n",
            l.wide ? "for a table* of 183 mm" : "for a column of 89 mm");
    write_tabulars(table, &l, out);
}

void table_write_latex(const struct table *table, FILE *out) {
    const struct layout l = lay_out(table);
    write_needs(out);
    fprintf(out, "\\begin{table%s}\n\\centering\n", l.wide ? "*" : "");
    fputs("\\caption{", out);
    tex_text(table->title[0] != '\0' ? table->title : table->experiment, out);
    fputs(". A number in brackets is the error (one standard deviation) of the last digits", out);
    if (table->published > 0) {
        fputs("; pull: the difference to the published value in units of the combined error", out);
    }
    if (table->equilibrium && table->rows > 1) {
        fputs(table->published > 0 ? ", or to the run in equilibrium"
                                   : "; pull: the difference to the run in equilibrium in "
                                     "units of the combined error",
              out);
    }
    fputs(".}\n\\label{tab:", out);
    for (const char *c = table->experiment; *c; c++) {
        fputc(isalnum((unsigned char)*c) || *c == '-' ? *c : '-', out);
    }
    fprintf(out, "-%s}\n%s", table->observable[0], settings);
    write_tabulars(table, &l, out);
    for (size_t i = 0; i < table->notes.count; i++) {
        fputs(i == 0 ? "\n\\medskip\n\\parbox{\\linewidth}{\\raggedright " : " ", out);
        tex_text(table->notes.item[i], out);
        const size_t n = strlen(table->notes.item[i]);
        fputs(n > 0 && strchr(".:;", table->notes.item[i][n - 1]) == NULL ? "." : "", out);
    }
    fputs(table->notes.count > 0 ? "}\n" : "", out);
    fprintf(out, "\\end{table%s}\n", l.wide ? "*" : "");
}

void table_write_macros(const struct table *table, FILE *out) {
    fputs("% A macro for every number: \\dmsq, then experiment, data set and observable; Published, Pull and "
          "PullEquilibrium\n"
          "% behind it: the published value, and the differences to it and to the run in equilibrium in units of the "
          "combined error.\n",
          out);
    for (size_t r = 0; r < table->rows; r++) {
        for (size_t c = 0; c < table->columns; c++) {
            for (int content = 0; content < CONTENTS; content++) {
                const struct tex_number n = number_of(table, r, c, (enum content)content);
                if (n.kind == TEX_NOTHING) {
                    continue;
                }
                fputs("\\newcommand{\\dmsq", out);
                tex_macro_name(table->experiment, out);
                tex_macro_name(table->row[r].dataset, out);
                tex_macro_name(table->observable[c], out);
                fprintf(out, "%s}{\\ensuremath{%s}}\n", content_macro[content], n.text);
            }
        }
    }
}
