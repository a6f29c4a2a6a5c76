/* Reads the configurations that a stage measures, with what is to be known about them: see fields.h. */
#include "stages/fields.h"

#include <math.h>

static enum status read_integer(const struct npz *npz, const char *name, int64_t minimum, int64_t maximum,
                                int64_t *value, struct error *e) {
    const struct npz_array *array;
    const enum status status = npz_require(npz, name, NPZ_INT64, 0, &array, e);
    if (status != STATUS_OK) {
        return status;
    }
    *value = *(const int64_t *)array->data;
    if (*value < minimum || *value > maximum) {
        return error_set(e, STATUS_BAD_INPUT, "%s: %s is %lld, expected %lld to %lld", npz_path(npz), name,
                         (long long)*value, (long long)minimum, (long long)maximum);
    }
    return STATUS_OK;
}

static enum status read_coupling(const struct npz *npz, const char *name, double *value, struct error *e) {
    const enum status status = npz_real(npz, name, value, e);
    if (status != STATUS_OK) {
        return status;
    }
    if (!isfinite(*value)) {
        return error_set(e, STATUS_BAD_INPUT, "%s: %s is %g, expected a number", npz_path(npz), name, *value);
    }
    return STATUS_OK;
}

enum status fields_read_layout(const struct npz *npz, struct fields *fields, struct error *e) {
    int64_t chains = 0, independent = 0;
    enum status status = read_coupling(npz, "kappa", &fields->theory.kappa, e);
    if (status == STATUS_OK) {
        status = read_coupling(npz, "lambda", &fields->theory.lambda, e);
    }
    if (status == STATUS_OK) {
        status = read_integer(npz, "chains", 1, (int64_t)fields->configurations, &chains, e);
    }
    if (status == STATUS_OK) {
        status = read_integer(npz, "independent", 0, 1, &independent, e);
    }
    if (status == STATUS_OK) {
        status = npz_integer_or(npz, "thermalised", 1, &fields->thermalised, e);
    }
    if (status == STATUS_OK && fields->configurations % (size_t)chains != 0) {
        status = error_set(e, STATUS_BAD_INPUT, "%s: %lld chains, expected a divisor of the %zu configurations",
                           npz_path(npz), (long long)chains, fields->configurations);
    }
    fields->chains = (size_t)chains;
    fields->independent = independent == 1;
    return status;
}

enum status fields_read(const struct npz *npz, struct fields *fields, struct error *e) {
    const struct npz_array *phi = npz_find(npz, "phi");
    fields->path = npz_path(npz);
    if (!phi || (phi->type != NPZ_FLOAT32 && phi->type != NPZ_FLOAT64) || phi->dimensions < 2) {
        return error_set(e, STATUS_BAD_INPUT,
                         "%s: %s, expected phi (configuration, x1, ..., xd) in float32 or float64", fields->path,
                         phi ? "phi is of another type or shape" : "no member phi");
    }
    if (phi->shape[0] < 2) {
        return error_set(e, STATUS_BAD_INPUT, "%s: phi has %zu configurations, expected at least 2", fields->path,
                         phi->shape[0]);
    }
    fields->phi = phi;
    fields->configurations = phi->shape[0];
    fields->dimensions = phi->dimensions - 1;
    fields->extents = phi->shape + 1;
    return fields_read_layout(npz, fields, e);
}
