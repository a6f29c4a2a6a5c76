/* Numbers with errors, lists and escapes: see text.h. */
#include "report/text.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The decimal of the second digit of an error: 3 for 0.02512, -1 for 250 (tens). Taken from the rounded number, as
 * 0.0996 is printed as 0.10. */
static int error_decimals(double error) {
    char text[REPORT_NUMBER];
    snprintf(text, sizeof text, "%.1e", error); /* d.de+xx */
    return 1 - (int)strtol(text + 4, NULL, 10);
}

/* Writes both numbers in fixed notation with the given decimals. */
static int fixed(double value, double error, int decimals, char *text, size_t size) {
    if (decimals < 0) { /* rounded to tens, hundreds, ... */
        double unit = pow(10.0, -decimals);
        return snprintf(text, size, "%.0f(%.0f)", round(value / unit) * unit + 0.0, round(error / unit) * unit);
    }
    double unit = pow(10.0, decimals);
    if (value < 0 && value > -0.5 / unit) {
        value = 0.0; /* not "-0.000" */
    }
    if (error < 0.995 || decimals == 0) {
        return snprintf(text, size, "%.*f(%.0f)", decimals, value, error * unit);
    }
    return snprintf(text, size, "%.*f(%.*f)", decimals, value, decimals, error);
}

void report_value(double value, double error, int max_decimals, char text[REPORT_NUMBER]) {
    if (!(error >= 1e-290) || !isfinite(value)) { /* denormal errors have fewer digits */
        snprintf(text, REPORT_NUMBER, "%.6g", isnan(value) ? (double)NAN : value);
        return;
    }
    if (!isfinite(error)) {
        snprintf(text, REPORT_NUMBER, "%.6g(inf)", value);
        return;
    }
    int decimals = error_decimals(error);
    double largest = fabs(value) > error ? fabs(value) : error;
    if (largest < 1e-5 || largest >= 1e7) { /* with a common power of ten */
        int exponent = (int)floor(log10(largest));
        double scaled = value / pow(10.0, exponent), scaled_error = error / pow(10.0, exponent);
        if (isfinite(scaled) && isfinite(scaled_error)) {
            decimals = error_decimals(scaled_error);
            decimals = decimals > 15 ? 15 : decimals < 0 ? 0 : decimals;
            int length = fixed(scaled, scaled_error, decimals, text, REPORT_NUMBER);
            if (length > 0 && length < REPORT_NUMBER - 8) {
                snprintf(text + length, (size_t)(REPORT_NUMBER - length), "e%+03d", exponent);
                return;
            }
        }
        snprintf(text, REPORT_NUMBER, "%.6g(%.1e)", value, error);
        return;
    }
    if (max_decimals >= 0 && decimals > max_decimals) {
        decimals = max_decimals;
    }
    if (decimals > 15) { /* more digits than a double has */
        snprintf(text, REPORT_NUMBER, "%.15g(%.1e)", value, error);
        return;
    }
    fixed(value, error, decimals, text, REPORT_NUMBER);
}

double report_pull(double value, double error, double reference, double reference_error) {
    double both = hypot(error, reference_error);
    return isfinite(value) && isfinite(reference) && isfinite(both) && error > 0 ? (value - reference) / both
                                                                                 : (double)NAN;
}

void report_pull_text(double pull, char text[REPORT_NUMBER]) {
    if (isnan(pull)) {
        text[0] = '\0';
    } else if (fabs(pull) < 0.05) {
        snprintf(text, REPORT_NUMBER, "+0.0"); /* not "-0.0" */
    } else {
        snprintf(text, REPORT_NUMBER, fabs(pull) < 1000 ? "%+.1f" : "%+.2g", pull);
    }
}

static char *trimmed(const char *begin, const char *end) {
    while (begin < end && isspace((unsigned char)*begin)) {
        begin++;
    }
    while (end > begin && isspace((unsigned char)end[-1])) {
        end--;
    }
    return strndup(begin, (size_t)(end - begin));
}

enum status report_split(const char *text, char separator, struct report_list *list, struct error *e) {
    *list = (struct report_list){0};
    if (text[strspn(text, " \t\r\n")] == '\0') {
        return STATUS_OK;
    }
    size_t count = 1;
    for (const char *c = text; *c != '\0'; c++) {
        count += *c == separator;
    }
    list->item = calloc(count, sizeof *list->item);
    if (list->item == NULL) {
        return error_set(e, STATUS_FAILED, "out of memory for a list of %zu texts", count);
    }
    for (const char *begin = text; list->count < count;) {
        const char *end = strchr(begin, separator);
        end = end == NULL ? begin + strlen(begin) : end;
        char *item = trimmed(begin, end);
        if (item == NULL) {
            report_list_free(list);
            return error_set(e, STATUS_FAILED, "out of memory for a list of %zu texts", count);
        }
        list->item[list->count++] = item;
        begin = end + 1;
    }
    return STATUS_OK;
}

void report_list_free(struct report_list *list) {
    for (size_t i = 0; i < list->count; i++) {
        free(list->item[i]);
    }
    free(list->item);
    *list = (struct report_list){0};
}

void report_tex(const char *text, FILE *out) {
    for (; *text != '\0'; text++) {
        switch (*text) {
        case '&':
        case '%':
        case '$':
        case '#':
        case '_':
        case '{':
        case '}':
            fprintf(out, "\\%c", *text);
            break;
        case '~':
            fputs("\\textasciitilde{}", out);
            break;
        case '^':
            fputs("\\textasciicircum{}", out);
            break;
        case '\\':
            fputs("\\textbackslash{}", out);
            break;
        default:
            fputc(*text, out);
        }
    }
}

size_t report_width(const char *text) {
    size_t width = 0;
    for (; *text != '\0'; text++) {
        width += ((unsigned char)*text & 0xc0) != 0x80; /* all but continuation bytes */
    }
    return width;
}
