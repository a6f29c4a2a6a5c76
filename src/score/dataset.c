#include "score/dataset.h"

#include "score/header.h"

#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "base/sum.h"
#include "lattice/fourier.h"

/* The sign by which a configuration is multiplied. */
static float phase(const struct score_model *m, const float *phi, size_t volume) {
    double sum = 0;
    for (size_t i = 0; i < volume && m->one_phase; i++) {
        sum += (double)phi[i];
    }
    return sum < 0 ? -1.0f : 1.0f;
}

/* Means over all sites. Sums are over each configuration first, and then over configurations, so that the result is
 * accurate for sets of any size. */
static enum status moments(const struct score_model *m, const struct npz_array *phi, double *mean, double *variance,
                           struct error *e) {
    const size_t count = phi->shape[0], volume = phi->count / count;
    double *sums = malloc(2 * count * sizeof *sums);
    if (!sums) {
        return error_set(e, STATUS_FAILED, "out of memory for %zu configurations", count);
    }
    const float *data = phi->data;
    for (size_t i = 0; i < count; i++) {
        const float sign = phase(m, data + i * volume, volume);
        double sum = 0, square = 0;
        for (size_t k = i * volume; k < (i + 1) * volume; k++) {
            sum += (double)(sign * data[k]);
            square += (double)data[k] * (double)data[k];
        }
        sums[i] = sum;
        sums[count + i] = square;
    }
    const double n = (double)phi->count;
    *mean = sum_tree(sums, count) / n;
    *variance = sum_tree(sums + count, count) / n - *mean * *mean;
    free(sums);
    return STATUS_OK;
}

enum status dataset_describe(const struct npz *ensemble, enum dataset_scaling scaling, struct score_model *m,
                             struct error *e) {
    const struct npz_array *phi;
    TRY(npz_require(ensemble, "phi", NPZ_FLOAT32, -1, &phi, e));
    TRY(header_read_theory(ensemble, &m->theory, e));
    TRY(header_read_thermalised(ensemble, &m->thermalised, e));
    enum status status = STATUS_OK;
    if (phi->dimensions < 2 || phi->count == 0) {
        return error_set(e, STATUS_BAD_INPUT,
                         "%s: phi has %zu dimensions and %zu elements, expected configurations x sites",
                         npz_path(ensemble), phi->dimensions, phi->count);
    }
    m->dimensions = phi->dimensions - 1;
    memcpy(m->extents, phi->shape + 1, m->dimensions * sizeof *m->extents);
    m->volume = phi->count / phi->shape[0];
    m->offset = 0;
    m->factor = 1;
    if (scaling == DATASET_STD || scaling == DATASET_CENTRED) {
        double variance = 0;
        status = moments(m, phi, &m->offset, &variance, e);
        m->factor = scaling == DATASET_STD ? 1.0 / sqrt(variance) : 1.0;
    } else if (scaling == DATASET_MINMAX) {
        const float *data = phi->data;
        float low = INFINITY, high = -INFINITY; /* not double, with which gcc 12 fails to compile this for aarch64 */
        for (size_t i = 0; i < phi->count; i += m->volume) {
            const float sign = phase(m, data + i, m->volume);
            for (size_t k = i; k < i + m->volume; k++) {
                low = fminf(low, sign * data[k]);
                high = fmaxf(high, sign * data[k]);
            }
        }
        m->offset = 0.5 * ((double)low + (double)high);
        m->factor = 2.0 / ((double)high - (double)low);
    }
    if (status == STATUS_OK && !(isfinite(m->factor) && isfinite(m->offset))) {
        return error_set(e, STATUS_BAD_INPUT, "%s: phi is constant or not finite, expected fields that can be scaled",
                         npz_path(ensemble));
    }
    return status;
}

enum status dataset_fields(const struct npz *ensemble, const struct score_model *m, float **fields, size_t *count,
                           struct error *e) {
    *fields = NULL;
    const struct npz_array *phi;
    TRY(npz_require(ensemble, "phi", NPZ_FLOAT32, (int)m->dimensions + 1, &phi, e));
    if (memcmp(phi->shape + 1, m->extents, m->dimensions * sizeof *m->extents) != 0) {
        return error_set(e, STATUS_BAD_INPUT, "%s: phi has another lattice than the model, expected the same",
                         npz_path(ensemble));
    }
    const float *data = phi->data;
    for (size_t i = 0; i < phi->count; i++) {
        if (!isfinite(data[i])) {
            return error_set(e, STATUS_BAD_INPUT, "%s: phi is not finite in configuration %zu", npz_path(ensemble),
                             i / m->volume);
        }
    }
    *count = phi->shape[0];
    *fields = malloc(phi->count * sizeof **fields);
    if (!*fields) {
        return error_set(e, STATUS_FAILED, "out of memory for %zu configurations", *count);
    }
    for (size_t i = 0; i < phi->count; i += m->volume) {
        const float sign = phase(m, data + i, m->volume);
        for (size_t k = i; k < i + m->volume; k++) {
            (*fields)[k] = (float)(((double)(sign * data[k]) - m->offset) * m->factor);
        }
    }
    return STATUS_OK;
}

/* Sums over blocks of 64 configurations first, then over the blocks in order, so bits do not depend on threads. */
enum status dataset_propagator(const float *fields, size_t count, int threads, struct score_model *m, struct error *e) {
    enum { BLOCK = 64 };
    const size_t volume = m->volume, blocks = (count + BLOCK - 1) / BLOCK;
    struct fourier *fourier;
    TRY(fourier_new(m->extents, m->dimensions, &fourier, e));
    enum status status = STATUS_OK;
    const size_t room = fourier_workspace(fourier), each = room + 2 * volume;
    double *sums = calloc(blocks * volume, sizeof *sums), *work = malloc((size_t)threads * each * sizeof *work);
    m->propagator = calloc(volume, sizeof *m->propagator);
    if (!sums || !work || !m->propagator) {
        status = error_set(e, STATUS_FAILED, "out of memory for the propagator");
    } else {
#pragma omp parallel for num_threads(threads) schedule(dynamic, 1)
        for (size_t block = 0; block < blocks; block++) {
            double *own = work + (size_t)omp_get_thread_num() * each, *phi = own + room, *power = phi + volume;
            for (size_t i = block * BLOCK; i < count && i < (block + 1) * BLOCK; i++) {
                for (size_t k = 0; k < volume; k++) {
                    phi[k] = (double)fields[i * volume + k];
                }
                fourier_power(fourier, phi, power, own);
                for (size_t k = 0; k < volume; k++) {
                    sums[block * volume + k] += power[k];
                }
            }
        }
        for (size_t block = 0; block < blocks; block++) {
            for (size_t k = 0; k < volume; k++) {
                m->propagator[k] += sums[block * volume + k] / (double)count;
            }
        }
        fourier_symmetrise(fourier, m->propagator, work);
        m->variance = sum_tree(m->propagator, volume) / (double)volume;
    }
    free(sums);
    free(work);
    fourier_free(fourier);
    return status;
}
