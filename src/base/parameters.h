/* Parameters of a stage: a table declares each once, and from it they are parsed, validated, documented and written in
 * canonical form.
 *
 * Canonical form of a value. Recipes hold it, so changing it would change the keys of all artifacts:
 *   INTEGER   decimal                     "250"
 *   REAL      shortest text that reads back to the same double ("0.21", "1e-05", "25")
 *   CHOICE    the word itself             "hmc"
 *   FLAG      "yes" or "no"
 *   TEXT      as given, without surrounding blanks
 *   INTEGERS  comma-separated             "32,32"  (input accepts "32x32", "32,32", "32 32")
 *   REALS     comma-separated             "1,0.5,0" (input accepts commas or blanks; may be empty)
 *   FILE      "sha256:<hex>" of the file's contents; the path itself does not enter a recipe
 *
 * A parameter that is added to a stage in use has `later` set, and its default is the value that means "as before".
 * Recipes omit it as long as it has its default (store/recipe.h), so that earlier results keep their keys. Neither this
 * default nor `later` may change afterwards. New words among `choices` and new optional inputs do not appear in recipes
 * until they are used.
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
    double minimum, maximum;   /* inclusive limits of numbers and of the elements of lists; 0, 0: none */
    const char *choices;       /* "hmc|metropolis|langevin", for CHOICE only */
    const char *unit;          /* "lattice units", "trajectories", "" */
    const char *help;          /* one sentence; names the paper's equation if there is one */
    bool later;                /* added to a stage in use: see above */
};

struct parameters; /* the values of one table */

/* A set of values, all at their defaults. `table` (count entries) must outlive it. NULL: out of memory. */
struct parameters *parameters_new(const struct parameter *table, size_t count);
void parameters_free(struct parameters *p);

/* Sets one value from text. `where` ("experiments/table1.ini:12", "--kappa", "SET") is the beginning of an error
 * message, which also says what was expected, and suggests the nearest name for an unknown parameter. STATUS_BAD_INPUT:
 * unknown name, or a value of the wrong type or out of range. */
enum status parameters_set(struct parameters *p, const char *name, const char *text, const char *where,
                           struct error *e);

/* STATUS_BAD_INPUT: a parameter without default has not been set, or a default file cannot be read. */
enum status parameters_complete(const struct parameters *p, const char *where, struct error *e);

/* Values. A name that is not in the table, or a wrong type, is a programming error and aborts with a message. Lists and
 * texts belong to `p`. */
int64_t parameters_integer(const struct parameters *p, const char *name);
double parameters_real(const struct parameters *p, const char *name);
bool parameters_flag(const struct parameters *p, const char *name);
const char *parameters_text(const struct parameters *p, const char *name); /* TEXT and CHOICE; FILE: path */
const int64_t *parameters_integers(const struct parameters *p, const char *name, size_t *count);
const double *parameters_reals(const struct parameters *p, const char *name, size_t *count);
bool parameters_is(const struct parameters *p, const char *name, const char *choice); /* CHOICE == choice */
/* CHOICE as its index in words[count], a table of the names of an enum; a choice that is not in it aborts. */
int parameters_word(const struct parameters *p, const char *name, const char *const *words, int count);
#define PARAMETERS_WORD(p, name, words) parameters_word(p, name, words, (int)(sizeof(words) / sizeof *(words)))

/* The table: number of entries, entry i, and whether its value differs from its default. */
size_t parameters_count(const struct parameters *p);
const struct parameter *parameters_entry(const struct parameters *p, size_t i);
bool parameters_differs(const struct parameters *p, size_t i);
/* False if entry i was added later (above) and has its default. */
bool parameters_in_recipe(const struct parameters *p, size_t i);

/* Canonical text of entry i; belongs to `p`, valid until the next set. FILE: "sha256:..." */
const char *parameters_canonical(const struct parameters *p, size_t i);
/* Origin of the value of entry i: the `where` of parameters_set, or "default". Valid until the next set. */
const char *parameters_origin(const struct parameters *p, size_t i);
/* Text of entry i for a command line, which parses to the same value (FILE: the path). */
const char *parameters_argument(const struct parameters *p, size_t i);

/* Checks that files still have the contents that they had when they were set, so that data read from them since belong
 * to the recipe. STATUS_FAILED: one changed; the message names it. */
enum status parameters_unchanged(const struct parameters *p, struct error *e);

/* Prints a sentence of --help, indented, in lines of at most 100 bytes. */
void parameters_paragraph(const char *text, FILE *out);
/* Prints one block per parameter (name, type or choices, range, unit, default, help). */
void parameters_help(const struct parameter *table, size_t count, FILE *out);

#endif
