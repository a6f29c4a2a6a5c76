/* The value of one parameter, from its text: parsing, range, canonical form. Private to parameters.c. */
#ifndef DMSQ_BASE_PARAMETER_VALUE_H
#define DMSQ_BASE_PARAMETER_VALUE_H

#include "base/parameters.h"

struct parameter_value {
    bool set;          /* has a value, default or given */
    int64_t *integers; /* INTEGER (one), INTEGERS; FLAG as 0 or 1 */
    double *reals;     /* REAL (one), REALS */
    size_t count;
    char *text;      /* TEXT, CHOICE, and the path of a FILE */
    char *canonical; /* see parameters.h */
    char *origin;    /* where it was set; NULL: default */
};

/* Parses text, ignoring surrounding blanks, into *value, which need not be initialised and is zero after a failure.
 * `where` is the beginning of the error message. */
enum status parameter_value_parse(const struct parameter *t, const char *text, const char *where,
                                  struct parameter_value *value, struct error *e);
/* Frees the members and sets them to zero. */
void parameter_value_clear(struct parameter_value *value);

/* What is expected, for messages: "a real number in [0, 1]". */
void parameter_describe(const struct parameter *t, char *text, size_t size);

#endif
