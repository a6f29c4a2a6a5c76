/* Texts and numbers in TeX. */
#ifndef DMSQ_REPORT_TEX_H
#define DMSQ_REPORT_TEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "report/text.h"

enum tex_number_kind {
    TEX_NOTHING, /* no number: the text is empty */
    TEX_PLAIN,   /* "-0.00016(71)", which siunitx aligns */
    TEX_OTHER,   /* "1.24(56)\times 10^{20}", which it does not */
};

struct tex_number {
    enum tex_number_kind kind;
    char text[REPORT_NUMBER + 16];
    size_t before, after, uncertainty; /* digits, of a plain number */
    bool sign;
    size_t width; /* of another: about how many digits wide */
};

/* A number with its error, as report_value() writes it. A NaN is nothing; an error of zero or infinity is not written;
 * a number too small for a double to matter (below 1e-99) is "<10^{-99}". */
struct tex_number tex_number(double value, double error, int max_decimals);
/* A number from its text: "2.590(25)", "475.6(2.6)", "+1.4", "1.2(3)e-10", "". */
struct tex_number tex_number_read(const char *text);

/* A sentence: TeX's own characters escaped, Greek letters and what looks like a formula in mathematics ("phi^4",
 * "kappa", "32x32", "R2", "S_eff", "log Z"), code between grave accents in typewriter, a dagger where REPORT_MARK
 * stands. */
void tex_text(const char *text, FILE *out);

/* A name as part of a macro, letters only: "generated-wiener" is GeneratedWiener, "chi2" ChiTwo. */
void tex_macro_name(const char *name, FILE *out);

#endif
