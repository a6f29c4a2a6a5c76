#include "score/header.h"

#include <math.h>
#include <string.h>

enum status header_read_theory(const struct npz *npz, struct theory *theory, struct error *e) {
    enum status status = STATUS_OK;
    for (size_t i = 0; i < THEORY_COUPLINGS && status == STATUS_OK; i++) {
        const char *name = theory_coupling_name[i];
        double *value = theory_coupling(theory, i);
        status = npz_real(npz, name, value, e);
        if (status == STATUS_OK && !isfinite(*value)) {
            status = error_set(e, STATUS_BAD_INPUT, "%s: %s is %g, expected a number", npz_path(npz), name, *value);
        }
    }
    return status;
}

enum status header_add_theory(struct npz_writer *writer, const struct theory *theory, struct error *e) {
    struct theory t = *theory;
    enum status status = STATUS_OK;
    for (size_t i = 0; i < THEORY_COUPLINGS && status == STATUS_OK; i++) {
        status = npz_add_real(writer, theory_coupling_name[i], *theory_coupling(&t, i), e);
    }
    return status;
}

bool header_has_theory(const struct npz_writer *writer, struct theory *theory) {
    size_t found = 0;
    for (size_t i = 0; i < npz_writer_count(writer); i++) {
        const struct npz_array *a = npz_writer_array(writer, i);
        for (size_t k = 0; k < THEORY_COUPLINGS; k++) {
            if (a->type == NPZ_FLOAT64 && a->dimensions == 0 && strcmp(a->name, theory_coupling_name[k]) == 0) {
                *theory_coupling(theory, k) = *(const double *)a->data;
                found++;
            }
        }
    }
    return found == THEORY_COUPLINGS;
}

enum status header_read_thermalised(const struct npz *npz, int64_t *thermalised, struct error *e) {
    const enum status status = npz_integer_or(npz, "thermalised", 1, thermalised, e);
    if (status == STATUS_OK && (*thermalised < -1 || *thermalised > 1)) {
        return error_set(e, STATUS_BAD_INPUT, "%s: thermalised is %lld, expected 1, 0 or -1", npz_path(npz),
                         (long long)*thermalised);
    }
    return status;
}

enum status header_add_thermalised(struct npz_writer *writer, int64_t thermalised, struct error *e) {
    return npz_add_integer(writer, "thermalised", thermalised, e);
}

static enum status read_integer(const struct npz *npz, const char *name, int64_t minimum, int64_t maximum,
                                int64_t *value, struct error *e) {
    const struct npz_array *array;
    TRY(npz_require(npz, name, NPZ_INT64, 0, &array, e));
    *value = *(const int64_t *)array->data;
    if (*value < minimum || *value > maximum) {
        return error_set(e, STATUS_BAD_INPUT, "%s: %s is %lld, expected %lld to %lld", npz_path(npz), name,
                         (long long)*value, (long long)minimum, (long long)maximum);
    }
    return STATUS_OK;
}

enum status header_read(const struct npz *npz, size_t configurations, struct header *header, struct error *e) {
    int64_t chains = 0, independent = 0;
    enum status status = header_read_theory(npz, &header->theory, e);
    THEN(status, read_integer(npz, "chains", 1, (int64_t)configurations, &chains, e));
    THEN(status, read_integer(npz, "independent", 0, 1, &independent, e));
    THEN(status, header_read_thermalised(npz, &header->thermalised, e));
    if (status == STATUS_OK && configurations % (size_t)chains != 0) {
        status = error_set(e, STATUS_BAD_INPUT, "%s: %lld chains, expected a divisor of the %zu configurations",
                           npz_path(npz), (long long)chains, configurations);
    }
    header->chains = (size_t)chains;
    header->independent = independent == 1;
    return status;
}

enum status header_add_layout(struct npz_writer *writer, const struct header *header, struct error *e) {
    enum status status = header_add_theory(writer, &header->theory, e);
    THEN(status, npz_add_integer(writer, "chains", (int64_t)header->chains, e));
    THEN(status, npz_add_integer(writer, "independent", header->independent, e));
    return status;
}

enum status header_add(struct npz_writer *writer, const struct header *header, struct error *e) {
    TRY(header_add_layout(writer, header, e));
    return header_add_thermalised(writer, header->thermalised, e);
}

enum status header_add_samples(struct npz_writer *writer, const struct theory *theory, int64_t thermalised,
                               size_t configurations, struct error *e) {
    enum status status = header_add_theory(writer, theory, e);
    THEN(status, header_add_thermalised(writer, thermalised, e));
    THEN(status, npz_add_integer(writer, "chains", (int64_t)configurations, e));
    THEN(status, npz_add_integer(writer, "independent", 1, e));
    return status;
}
