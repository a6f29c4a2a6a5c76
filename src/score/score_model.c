/* Score models as artifacts: the scalars model.kind, model.sigma, model.offset, model.factor, model.variance, kappa,
 * lambda, thermalised (1 if it is missing); propagator, whose shape is the lattice; and the arrays of its kind. Also
 * the functions of score.h that depend on the kind of a model. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/words.h"
#include "score/gaussian.h"
#include "score/header.h"
#include "score/schedule.h"

enum status score_add_copy(struct npz_writer *writer, const char *name, enum npz_type type, size_t dimensions,
                           const size_t *shape, const void *data, size_t size, struct error *e) {
    void *copy = malloc(size);
    if (!copy) {
        return error_set(e, STATUS_FAILED, "out of memory for %s", name);
    }
    memcpy(copy, data, size);
    return npz_add_owned(writer, name, type, dimensions, shape, copy, e);
}

enum status score_read_word(const struct npz *npz, const char *name, const char *const *words, int count, int *which,
                            struct error *e) {
    char *text;
    TRY(npz_text(npz, name, &text, e));
    enum status status = STATUS_OK;
    *which = words_find(words, count, text);
    if (*which < 0) {
        status = error_set(e, STATUS_BAD_INPUT, "%s: %s is '%.40s', expected one of '%s' ... '%s'", npz_path(npz), name,
                           text, words[0], words[count - 1]);
    }
    free(text);
    return status;
}

/* --- artifacts ------------------------------------------------------------------------------------- */

enum status score_model_add(const struct score_model *m, struct npz_writer *writer, struct error *e) {
    const struct {
        const char *name;
        double value;
    } reals[] = {{"model.sigma", m->sigma},
                 {"model.offset", m->offset},
                 {"model.factor", m->factor},
                 {"model.variance", m->variance}};
    enum status status = npz_add_text(writer, "model.kind", m->kind->name, e);
    THEN(status, header_add_theory(writer, &m->theory, e));
    for (size_t i = 0; i < sizeof reals / sizeof reals[0] && status == STATUS_OK; i++) {
        status = npz_add_real(writer, reals[i].name, reals[i].value, e);
    }
    THEN(status, header_add_thermalised(writer, m->thermalised, e));
    THEN(status, score_add_copy(writer, "propagator", NPZ_FLOAT64, m->dimensions, m->extents, m->propagator,
                                m->volume * sizeof *m->propagator, e));
    return status == STATUS_OK && m->kind->add ? m->kind->add(m, writer, e) : status;
}

/* Checks for values that no training writes and that would make all samples wrong or NaN. */
static enum status check_reals(const struct npz *npz, const struct score_model *m, struct error *e) {
    const struct {
        const char *name, *expected;
        double value;
        bool fits;
    } reals[] = {{"model.sigma", "a number > 1", m->sigma, m->sigma > 1},
                 {"model.offset", "a finite number", m->offset, true},
                 {"model.factor", "a number > 0", m->factor, m->factor > 0},
                 {"model.variance", "a number >= 0", m->variance, m->variance >= 0}};
    for (size_t i = 0; i < sizeof reals / sizeof reals[0]; i++) {
        if (!isfinite(reals[i].value) || !reals[i].fits) {
            return error_set(e, STATUS_BAD_INPUT, "%s: %s is %g, expected %s", npz_path(npz), reals[i].name,
                             reals[i].value, reals[i].expected);
        }
    }
    return STATUS_OK;
}

static enum status read_kind(const struct npz *npz, struct score_model *m, struct error *e) {
    char *name, names[200];
    TRY(npz_text(npz, "model.kind", &name, e));
    enum status status = STATUS_OK;
    m->kind = score_kind_find(name);
    if (!m->kind) {
        score_kind_names(names, sizeof names);
        status = error_set(e, STATUS_BAD_INPUT, "%s: model.kind is '%.40s', expected %s", npz_path(npz), name, names);
    }
    free(name);
    return status;
}

enum status score_model_read(const struct npz *npz, struct score_model *m, struct error *e) {
    *m = (struct score_model){0};
    const struct npz_array *propagator;
    TRY(read_kind(npz, m, e));
    struct {
        const char *name;
        double *value;
    } reals[] = {{"model.sigma", &m->sigma},
                 {"model.offset", &m->offset},
                 {"model.factor", &m->factor},
                 {"model.variance", &m->variance}};
    TRY(header_read_theory(npz, &m->theory, e));
    for (size_t i = 0; i < sizeof reals / sizeof reals[0]; i++) {
        TRY(npz_real(npz, reals[i].name, reals[i].value, e));
    }
    TRY(check_reals(npz, m, e));
    TRY(header_read_thermalised(npz, &m->thermalised, e));
    TRY(npz_require(npz, "propagator", NPZ_FLOAT64, -1, &propagator, e));
    enum status status = STATUS_OK;
    /* arrays of fields have one more dimension, for the configuration */
    if (propagator->dimensions < 1 || propagator->dimensions >= NPZ_MAX_DIMENSIONS) {
        return error_set(e, STATUS_BAD_INPUT, "%s: propagator has %zu dimensions, expected 1 to %d", npz_path(npz),
                         propagator->dimensions, NPZ_MAX_DIMENSIONS - 1);
    }
    m->dimensions = propagator->dimensions;
    memcpy(m->extents, propagator->shape, sizeof propagator->shape);
    m->volume = propagator->count;
    m->propagator = malloc((m->volume + 1) * sizeof *m->propagator);
    if (!m->propagator) {
        return error_set(e, STATUS_FAILED, "out of memory for %s", npz_path(npz));
    }
    memcpy(m->propagator, propagator->data, m->volume * sizeof *m->propagator);
    for (size_t i = 0; i < m->volume && status == STATUS_OK; i++) {
        if (!(m->propagator[i] >= 0 && isfinite(m->propagator[i]))) {
            status = error_set(e, STATUS_BAD_INPUT, "%s: propagator of mode %zu is %g, expected a finite number >= 0",
                               npz_path(npz), i, m->propagator[i]);
        }
    }
    if (status == STATUS_OK && m->kind->read) {
        status = m->kind->read(npz, m, e);
    }
    if (status != STATUS_OK) {
        score_model_release(m);
    }
    return status;
}

void score_model_release(struct score_model *m) {
    if (m->own && m->kind->release) {
        m->kind->release(m);
    }
    free(m->propagator);
    free(m->weights);
    *m = (struct score_model){0};
}

/* --- properties of the kind ------------------------------------------------------------------------ */

const char *score_model_kind(const struct score_model *m) {
    return m->kind->name;
}

bool score_model_trained(const struct score_model *m) {
    return m->kind->weight_gradient;
}

bool score_model_drawn(const struct score_model *m) {
    return m->kind->draw;
}

bool score_model_closed(const struct score_model *m) {
    return m->kind->divergence;
}

enum status score_model_modes(const struct score_model *m, const struct score_modes *work, struct error *e) {
    if (!m->kind->modes) {
        return error_set(e, STATUS_BAD_INPUT,
                         "method modes with a model of kind %s found, expected a kind with a flow in normalised modes, "
                         "such as effective-action",
                         m->kind->name);
    }
    return m->kind->modes(m, work, e);
}

enum status score_model_draw(const struct score_model *m, const struct score_draw *draw, struct error *e) {
    if (!m->kind->draw) {
        return error_set(
            e, STATUS_BAD_INPUT,
            "method direct with a model of kind %s found, expected a kind that is drawn without a process, "
            "such as gaussian",
            m->kind->name);
    }
    return m->kind->draw(m, draw, e);
}

const struct score_refresh *score_model_refresh(const struct score_model *m) {
    return m->kind->refresh;
}

struct score_frame score_frame(const struct score_model *m, double t) {
    struct score_frame frame = {.noise = schedule_noise(m->sigma, t), .t = t};
    if (m->kind->frame) {
        m->kind->frame(m, &frame);
    }
    return frame;
}

struct score_model score_model_gaussian(const struct score_model *m) {
    struct score_model gaussian = *m;
    gaussian.kind = &score_gaussian;
    gaussian.own = NULL;
    return gaussian;
}
