/* Texts of reports: numbers with errors as physicists print them, lists in parameters, TeX escapes. */
#ifndef DMSQ_REPORT_TEXT_H
#define DMSQ_REPORT_TEXT_H

#include <stddef.h>
#include <stdio.h>

#include "base/error.h"

/* Follows the name of a result of an ensemble that failed its thermalisation tests. */
#define REPORT_MARK "†"

#define REPORT_NUMBER 64 /* size of a buffer for any number of this file */

/* value(error) with two significant digits of the error: 2.590(25), -0.020(10), 475.6(2.6), 23890(250), 1.234(56)e+20,
 * but at most max_decimals digits after the decimal point (negative: no limit), for values published with fewer:
 * 0.0012(7). An infinite error is written as "2.59(inf)". Without an error, i.e. NaN, negative, or zero (as for series
 * that never changed), only the value is written. */
void report_value(double value, double error, int max_decimals, char text[REPORT_NUMBER]);

/* (value - reference) / sqrt(error^2 + reference_error^2); NaN if an error is unknown, or that of `value` is zero. */
double report_pull(double value, double error, double reference, double reference_error);
/* "+1.4"; "" for NaN. */
void report_pull_text(double pull, char text[REPORT_NUMBER]);

/* A list, given as one text with separators. Blanks around its items are removed; an empty or blank text is an empty
 * list. */
struct report_list {
    size_t count;
    char **item;
};
enum status report_split(const char *text, char separator, struct report_list *list, struct error *e);
void report_list_free(struct report_list *list);

/* Writes text with the characters escaped that are special to TeX. */
void report_tex(const char *text, FILE *out);

/* Number of characters of a UTF-8 text, each one column wide on a terminal. */
size_t report_width(const char *text);

#endif
