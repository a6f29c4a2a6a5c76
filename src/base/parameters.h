/* Parameters of a stage: declared once in a table, and from that table parsed, validated,
 * documented and written in canonical form.
 *
 * Canonical form of a value (what recipes hold, so it never changes lightly):
 *   INTEGER   decimal                     "250"
 *   REAL      shortest text that reads back to the same double ("0.21", "1e-05", "25")
 *   CHOICE    the word itself             "hmc"
 *   FLAG      "yes" or "no"
 *   TEXT      as given, without surrounding blanks
 *   INTEGERS  comma-separated             "32,32"  (input accepts "32x32", "32,32", "32 32")
 *   REALS     comma-separated             "1,0.5,0" (input accepts commas or blanks; may be empty)
 *   FILE      "sha256:<hex>" of the file's contents; the path itself does not enter a recipe
 *
 * A stage that has run somewhere gets a further parameter with `later` set and, as its default, the value that means
 * "as before". Recipes leave such a parameter out while it has its default (store/recipe.h), so that the keys of what
 * was computed before it existed stay. Its default never changes after that; nor is `later` ever removed. The same
 * holds for a further word among `choices` and a further optional input, which recipes do not show until they are used.
 */
#ifndef DMSQ_BASE_PARAMETERS_H
#define DMSQ_BASE_PARAMETERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/error.h"

enum parameter_type {
    PARAMETER_INTEGER,
    PARAMETER_REAL,
    PARAMETER_CHOICE,
    PARAMETER_FLAG,
    PARAMETER_TEXT,
    PARAMETER_INTEGERS,
    PARAMETER_REALS,
    PARAMETER_FILE,
};

struct parameter {
    const char *name; /* lower case, words joined by '-' */
    enum parameter_type type;
    const char *default_value; /* as text, in any accepted form; NULL: must be given */
    double minimum, maximum;   /* inclusive, for numbers and every element of a list; 0, 0: no limits */
    const char *choices;       /* "hmc|metropolis|langevin", for CHOICE only */
    const char *unit;          /* "lattice units", "trajectories", "" */
    const char *help;          /* one sentence; names the paper's equation where there is one */
    bool later;                /* added after the stage had run: see above */
};

struct parameters; /* the values of one table */

/* Makes a set of values, all at their defaults. `table` (count entries) must outlive it.
 * Returns NULL when out of memory. */
struct parameters *parameters_new(const struct parameter *table, size_t count);
void parameters_free(struct parameters *p);

/* Sets one value from text. `where` ("experiments/table1.ini:12", "--kappa", "SET") opens the message
 * of an error, which also says what was expected, and the nearest known name for an unknown one. */
enum status parameters_set(struct parameters *p, const char *name, const char *text, const char *where,
                           struct error *e);

/* Fails with STATUS_BAD_INPUT when a parameter without default has not been set. */
enum status parameters_complete(const struct parameters *p, const char *where, struct error *e);

/* Values. A name that is not in the table, or a type that does not fit, is a programming error and
 * aborts with a message. Lists and texts belong to `p`. */
int64_t parameters_integer(const struct parameters *p, const char *name);
double parameters_real(const struct parameters *p, const char *name);
bool parameters_flag(const struct parameters *p, const char *name);
const char *parameters_text(const struct parameters *p, const char *name); /* TEXT and CHOICE; FILE: path */
const int64_t *parameters_integers(const struct parameters *p, const char *name, size_t *count);
const double *parameters_reals(const struct parameters *p, const char *name, size_t *count);
bool parameters_is(const struct parameters *p, const char *name, const char *choice); /* CHOICE == choice */
/* CHOICE as an index of words[count], among which it must be: a value of an enum from a table of its names. */
int parameters_word(const struct parameters *p, const char *name, const char *const *words, int count);
#define PARAMETERS_WORD(p, name, words) parameters_word(p, name, words, (int)(sizeof(words) / sizeof *(words)))

/* The table, and whether the value of entry i differs from its default. */
size_t parameters_count(const struct parameters *p);
const struct parameter *parameters_entry(const struct parameters *p, size_t i);
bool parameters_differs(const struct parameters *p, size_t i);
/* Whether entry i belongs to recipes: always, but for one added later that has its default. */
bool parameters_in_recipe(const struct parameters *p, size_t i);

/* Canonical text of entry i; belongs to `p`, valid until the next set. FILE: "sha256:..." */
const char *parameters_canonical(const struct parameters *p, size_t i);
/* Where entry i got its value from, the `where` of parameters_set; "default" when it was not set. Valid until the next
 * set. */
const char *parameters_origin(const struct parameters *p, size_t i);
/* The text to hand to a command line so that it parses to the same value (FILE: the path). */
const char *parameters_argument(const struct parameters *p, size_t i);

/* Whether the files still hold what they did when they were set, so that what was read of them since belongs to the
 * recipe; else STATUS_FAILED naming the file. */
enum status parameters_unchanged(const struct parameters *p, struct error *e);

/* Prints a sentence of --help, indented, in lines of at most 100 bytes. */
void parameters_paragraph(const char *text, FILE *out);
/* Prints one block per parameter (name, type or choices, range, unit, default, help). */
void parameters_help(const struct parameter *table, size_t count, FILE *out);

#endif
