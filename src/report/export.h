/* Measured series and the results computed from them, for the programs of others.
 *
 *   csv       one line of results, columns NAME_value and NAME_uncertainty; and the series, a line a configuration
 *   json      both in one file: results by name, series as (chain, configuration)
 *   pyerrors  the file that pyerrors reads (input.json.load_json_dict), gzipped: every result and every mean as an Obs
 *
 * Values are written with 17 digits, which read back to the same double. A result that is no number is null in JSON, an
 * empty field in CSV, and left out for pyerrors, whose description lists it. No file holds a time or a host: equal
 * results give equal bytes.
 *
 * Chains in pyerrors: an Obs made from a replica for each chain has each chain's own mean subtracted, which
 * underestimates errors of short chains. dmsq takes the mean of all chains (Wolff, hep-lat/0306017, eq. 31). So the
 * chains lie one behind the other on the Monte Carlo axis of one replica, with a gap as long as a chain between them:
 * pyerrors leaves out pairs of configurations across a gap, and then the Gamma method is ours. Independent
 * configurations have no autocorrelation: S = 0; with jackknife errors their fluctuations are pseudo-values, as
 * import_jackknife takes them. */
#ifndef DMSQ_REPORT_EXPORT_H
#define DMSQ_REPORT_EXPORT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/error.h"

struct export_series {
    char name[16];
    const double *data; /* (chains, length) */
};

struct export_value {
    const char *name;
    double value, error;
    double tau_int, tau_int_error; /* in units of the distance of two configurations; NaN: not known */
    const double *fluctuations;    /* (points), around zero */
    bool is_result;                /* else the mean of a series that is no result by itself, for pyerrors only */
};

struct export {
    const char *node, *key, *recipe; /* of the measurement; "table1/observables-equilibrium" */
    const char *fields_key;          /* of the configurations */
    const char *method;              /* "jackknife" or "gamma" */
    double window;                   /* S of the Gamma method; 0 for the jackknife */
    double kappa, lambda;
    size_t dimensions;
    const size_t *extents;
    size_t chains, length; /* length: configurations a chain */
    bool independent;
    int64_t thermalised; /* 1 passed, 0 failed its tests, -1 could not be tested */
    size_t points;       /* chains * length, or bins of the jackknife */
    const struct export_series *series;
    size_t series_count;
    const struct export_value *values;
    size_t value_count;
};

void export_csv_results(const struct export *x, FILE *out);
void export_csv_series(const struct export *x, FILE *out);

/* Texts, which the caller frees. STATUS_FAILED: out of memory. */
enum status export_json(const struct export *x, char **text, struct error *e);
enum status export_pyerrors(const struct export *x, char **text, struct error *e);

/* The text as a gzip file without time and name. Memory that the caller frees. */
enum status export_gzip(const char *text, unsigned char **data, size_t *size, struct error *e);

#endif
