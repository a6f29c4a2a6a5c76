/* Texts and numbers in TeX. */
#ifndef DMSQ_REPORT_TEX_H
#define DMSQ_REPORT_TEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "report/text.h"

enum tex_number_kind {
    TEX_NOTHING, /* no number: the text is empty */
    TEX_PLAIN,   /* "-0.00016(71)", aligned by siunitx */
    TEX_OTHER,   /* "1.24(56)\times 10^{20}", not aligned */
};

struct tex_number {
    enum tex_number_kind kind;
    char text[REPORT_NUMBER + 16];
    size_t before, after, uncertainty; /* digits, of a plain number */
    bool sign;
    size_t width; /* of a TEX_OTHER: approximate width in digits */
};

/* A number with its error, as by report_value(). NaN gives TEX_NOTHING; an error of zero or infinity is omitted; a
 * number below 1e-99 is "<10^{-99}". */
struct tex_number tex_number(double value, double error, int max_decimals);
/* Converts a number from its text: "2.590(25)", "475.6(2.6)", "+1.4", "1.2(3)e-10", "". */
struct tex_number tex_number_read(const char *text);

/* Writes a sentence: characters special to TeX are escaped, names and formulas ("phi^4", "kappa", "32x32", "R2",
 * "S_eff", "log Z") are set as mathematics, text between grave accents in typewriter, and REPORT_MARK as a dagger. */
void tex_text(const char *text, FILE *out);

/* Writes a name as part of a macro, letters only: "generated-wiener" as GeneratedWiener, "chi2" as ChiTwo. */
void tex_macro_name(const char *name, FILE *out);

#endif
