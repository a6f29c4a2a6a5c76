/* Export of measured series and their results for other programs.
 *
 *   csv       one line of results, columns NAME_value and NAME_uncertainty; series, one line per configuration
 *   json      both in one file: results by name, series as (chain, configuration)
 *   pyerrors  the file that pyerrors reads (input.json.load_json_dict), gzipped: every result and every mean as an Obs
 *
 * Values have 17 digits, which read back to the same double. A result that is not finite is null in JSON, an empty
 * field in CSV, and omitted for pyerrors, where the description lists it. Files contain no time and no host: equal
 * results give equal bytes.
 *
 * Chains in pyerrors: for an Obs with a replica for each chain, pyerrors subtracts each chain's own mean, which
 * underestimates errors of short chains. dmsq subtracts the mean of all chains (Wolff, hep-lat/0306017, eq. 31). So the
 * chains are put on the Monte Carlo axis of a single replica, with gaps as long as a chain. pyerrors omits pairs of
 * configurations across a gap; its Gamma method then agrees with dmsq's. Independent configurations have no
 * autocorrelation: S = 0. If they have jackknife errors, their fluctuations are pseudo-values, as in
 * import_jackknife. */
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
    double tau_int, tau_int_error; /* in units of the distance between stored configurations; NaN: unknown */
    const double *fluctuations;    /* (points), with mean zero */
    bool is_result;                /* false: the mean of a series, exported for pyerrors only */
};

struct export {
    const char *node, *key, *recipe; /* of the measurement; node: "table1/observables-equilibrium" */
    const char *fields_key;          /* of the configurations */
    const char *method;              /* "jackknife" or "gamma" */
    double window;                   /* S of the Gamma method; 0 for the jackknife */
    double kappa, lambda;
    size_t dimensions;
    const size_t *extents;
    size_t chains, length; /* length: configurations per chain */
    bool independent;
    int64_t thermalised; /* 1: passed its tests, 0: failed, -1: could not be tested */
    size_t points;       /* chains * length, or the number of bins of the jackknife */
    const struct export_series *series;
    size_t series_count;
    const struct export_value *values;
    size_t value_count;
};

/* Write the results as one line, and the series, both with a header line. */
void export_csv_results(const struct export *x, FILE *out);
void export_csv_series(const struct export *x, FILE *out);

/* Texts, which the caller frees. STATUS_FAILED: out of memory. */
enum status export_json(const struct export *x, char **text, struct error *e);
enum status export_pyerrors(const struct export *x, char **text, struct error *e);

/* The text as a gzip file without time and name, in memory that the caller frees. */
enum status export_gzip(const char *text, unsigned char **data, size_t *size, struct error *e);

#endif
