/* Texts of reports: numbers with errors as physicists print them, lists in parameters, TeX escapes. */
#ifndef DMSQ_REPORT_TEXT_H
#define DMSQ_REPORT_TEXT_H

#include <stddef.h>
#include <stdio.h>

#include "base/error.h"

/* Behind the name of what rests on an ensemble that failed its thermalisation tests. */
#define REPORT_MARK "†"

#define REPORT_NUMBER 64 /* room that any number of this file needs, with its zero */

/* value(error) with two significant digits of the error: 2.590(25), -0.020(10), 475.6(2.6), 23890(250),
 * 1.234(56)e+20. Never more than max_decimals digits behind the point (negative: no such limit), for
 * values that were printed with few: 0.0012(7).
 * Error infinite: "2.59(inf)"; NaN or negative, which mean unknown: the value alone, and so for zero, which is what
 * numbers get that never changed: their spread tells nothing. */
void report_value(double value, double error, int max_decimals, char text[REPORT_NUMBER]);

/* (value - reference) / sqrt(error^2 + reference_error^2); NaN where that is not defined: an error that is
 * unknown, or zero for `value`. */
double report_pull(double value, double error, double reference, double reference_error);
/* "+1.4"; "" for NaN. */
void report_pull_text(double pull, char text[REPORT_NUMBER]);

/* A list in one text, split at `separator`, every part without surrounding blanks. An empty or blank text
 * is an empty list. */
struct report_list {
    size_t count;
    char **item;
};
enum status report_split(const char *text, char separator, struct report_list *list, struct error *e);
void report_list_free(struct report_list *list);

/* Writes text with the characters escaped that TeX takes for its own. */
void report_tex(const char *text, FILE *out);

/* Characters of an UTF-8 text, each of which takes one column on a terminal. */
size_t report_width(const char *text);

#endif
