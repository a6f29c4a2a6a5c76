/* The effective-action model as a kind of score model (score/kind.h). Its artifact has the names of the features, the
 * levels, coefficients, gains and saturations, and the results of the refinement; propagator, offset (the mean of one
 * phase) and couplings are those of every score model. */
#include "score/effective_action.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/functions.h"
#include "score/effective_fit.h"
#include "score/effective_flow.h"
#include "score/effective_levels.h"
#include "score/effective_refine.h"
#include "score/effective_refresh.h"
#include "score/schedule.h"

enum { REFINE_STEPS = 20, REFINE_KNOTS = 10 };

struct own {
    struct effective_model model;
    struct effective_refine_result refined;
};

static struct effective_model *model_of(const struct score_model *m) {
    return &((struct own *)m->own)->model;
}

const struct effective_model *effective_action_model(const struct score_model *m) {
    return model_of(m);
}

/* A model with the lattice, the propagator and the mean of the score model. */
static struct own *make(struct score_model *m) {
    struct own *own = calloc(1, sizeof *own);
    if (!own) {
        return NULL;
    }
    own->model.dimensions = m->dimensions;
    own->model.volume = m->volume;
    memcpy(own->model.extents, m->extents, sizeof own->model.extents);
    own->model.propagator = m->propagator;
    own->model.one_phase = m->one_phase;
    own->model.mean = m->offset;
    m->own = own;
    return own;
}

static void release(struct score_model *m) {
    if (m->own) {
        effective_model_release(model_of(m));
    }
    free(m->own);
    m->own = NULL;
}

/* --- making a model ------------------------------------------------------------------------------ */

static void treatment(const struct parameters *p, enum dataset_scaling *scaling, bool *one_phase) {
    *one_phase = parameters_is(p, "phase", "broken");
    *scaling = *one_phase ? DATASET_CENTRED : DATASET_NONE;
}

static struct effective_families families_of(const struct parameters *p) {
    return (struct effective_families){.even = parameters_is(p, "phase", "broken"),
                                       .local = (int)parameters_integer(p, "local"),
                                       .kernels = (int)parameters_integer(p, "kernels"),
                                       .pair = (int)parameters_integer(p, "pairs"),
                                       .outer = (int)parameters_integer(p, "pairs-outer"),
                                       .inner = (int)parameters_integer(p, "pairs-inner"),
                                       .linear_pairs = (int)parameters_integer(p, "linear-pairs"),
                                       .zero = (int)parameters_integer(p, "zero-mode")};
}

static enum status check(const struct parameters *p, const char *where, struct error *e) {
    const struct effective_families families = families_of(p);
    struct effective_features features;
    const double lowest = parameters_real(p, "lowest-level"), highest = parameters_real(p, "highest-level");
    if (highest > 0 && highest <= lowest) {
        return error_set(e, STATUS_BAD_INPUT, "%s: highest-level %g found, expected more than lowest-level %g", where,
                         highest, lowest);
    }
    const enum status status = effective_features_make(&families, &features, e);
    return status == STATUS_OK ? status : error_prefix(e, "%s", where);
}

static enum status prepare(struct score_model *m, const struct parameters *p, struct error *e) {
    const struct effective_families families = families_of(p);
    struct own *own = make(m);
    if (!own) {
        return error_set(e, STATUS_FAILED, "out of memory for the effective-action model");
    }
    own->model.blocking = parameters_real(p, "blocking");
    own->model.pairs_above = parameters_real(p, "pairs-above");
    own->model.saturation =
        (struct effective_saturation){parameters_real(p, "saturation"), parameters_real(p, "zero-saturation")};
    return effective_features_make(&families, &own->model.features, e);
}

static double highest_level(const struct score_model *m, const struct parameters *p) {
    double largest = 0;
    for (size_t k = 0; k < m->volume; k++) {
        largest = fmax(largest, m->propagator[k]);
    }
    const double given = parameters_real(p, "highest-level");
    return given > 0 ? given : fmax(10, 2.5 * sqrt(largest));
}

/* Refuses `other` if its coefficients have another meaning than those of m. */
static enum status check_transfer(const struct score_model *m, const struct score_model *other, struct error *e) {
    const struct effective_model *own = model_of(m), *from = model_of(other);
    TRY(theory_same(&m->theory, &other->theory, "transfer", "the training set", e));
    if (from->dimensions != own->dimensions || from->one_phase != own->one_phase) {
        return error_set(e, STATUS_BAD_INPUT, "transfer: model of %zu dimensions%s found, %zu dimensions%s expected",
                         from->dimensions, from->one_phase ? " and one phase" : "", own->dimensions,
                         own->one_phase ? " and one phase" : "");
    }
    bool same = from->features.count == own->features.count && from->saturation.local == own->saturation.local &&
                from->saturation.zero == own->saturation.zero && from->pairs_above == own->pairs_above;
    for (size_t i = 0; i < own->features.count && same; i++) {
        const struct effective_feature *a = &own->features.list[i], *b = &from->features.list[i];
        same = a->kind == b->kind && a->kernel == b->kernel && a->power == b->power && a->inner == b->inner;
    }
    return same ? STATUS_OK
                : error_set(e, STATUS_BAD_INPUT,
                            "transfer: model of other features or saturation found, those of local, "
                            "pairs, pairs-outer, pairs-inner, pairs-above, kernels, linear-pairs, zero-mode, "
                            "saturation and zero-saturation expected");
}

static enum status fit(struct score_model *m, const struct score_fit *fit, struct error *e) {
    const struct parameters *p = fit->parameters;
    if (fit->transfer && check_transfer(m, fit->transfer, e) != STATUS_OK) {
        return STATUS_BAD_INPUT;
    }
    struct own *own = m->own;
    const uint64_t seed = (uint64_t)parameters_integer(p, "seed");
    const struct effective_fit_settings settings = {.theory = m->theory,
                                                    .lowest = parameters_real(p, "lowest-level"),
                                                    .highest = highest_level(m, p),
                                                    .levels = (size_t)parameters_integer(p, "levels"),
                                                    .mixed = parameters_is(p, "target", "mixed"),
                                                    .ridge = parameters_real(p, "ridge"),
                                                    .seed = seed,
                                                    .transfer = fit->transfer ? model_of(fit->transfer) : NULL,
                                                    .transfer_below = parameters_real(p, "transfer-below")};
    const size_t wanted = (size_t)parameters_integer(p, "fit-configurations"),
                 proposals = (size_t)parameters_integer(p, "refine");
    struct progress *progress = progress_new("train", "levels", settings.levels, fit->quiet);
    enum status status = effective_fit(&settings, fit->fields, wanted && wanted < fit->count ? wanted : fit->count,
                                       fit->threads, &own->model, fit->interrupted, progress, e);
    progress_end(progress);
    if (status != STATUS_OK || proposals == 0) {
        return status;
    }
    const struct effective_refine_settings refine = {.theory = m->theory,
                                                     .proposals = proposals,
                                                     .rounds = (size_t)parameters_integer(p, "refine-rounds"),
                                                     .steps = REFINE_STEPS,
                                                     .knots = REFINE_KNOTS,
                                                     .penalty = parameters_real(p, "refine-penalty"),
                                                     .seed = seed};
    return effective_refine(&refine, fit->threads, &own->model, &own->refined, fit->interrupted, e);
}

/* --- its artifact -------------------------------------------------------------------------------- */

static enum status add_model(const struct score_model *m, struct npz_writer *writer, struct error *e) {
    const struct own *own = m->own;
    const struct effective_model *model = &own->model;
    const size_t F = model->features.count, shape[2] = {model->levels, F};
    char text[EFFECTIVE_FEATURES][EFFECTIVE_NAME];
    const char *names[EFFECTIVE_FEATURES];
    for (size_t i = 0; i < F; i++) {
        effective_feature_name(&model->features.list[i], text[i]);
        names[i] = text[i];
    }
    enum status status = npz_add_texts(writer, "effective.features", names, F, e);
    THEN(status, npz_add_real(writer, "effective.saturation", model->saturation.local, e));
    THEN(status, npz_add_real(writer, "effective.zero_saturation", model->saturation.zero, e));
    THEN(status, npz_add_integer(writer, "effective.one_phase", model->one_phase, e));
    THEN(status, npz_add_reals(writer, "effective.log_s", model->log_s, model->levels, e));
    THEN(status, npz_add_real_array(writer, "effective.coefficients", 2, shape, model->coefficients, e));
    THEN(status, npz_add_reals(writer, "effective.gain", model->gain, model->levels, e));
    THEN(status, npz_add_real(writer, "effective.refine_before", own->refined.before, e));
    THEN(status, npz_add_real(writer, "effective.refine_after", own->refined.after, e));
    THEN(status, npz_add_integer(writer, "effective.refine_rounds", (int64_t)own->refined.rounds, e));
    THEN(status, npz_add_integer(writer, "effective.refine_far", (int64_t)own->refined.far, e));
    if (model->blocking > 0) {
        THEN(status, npz_add_real(writer, "effective.blocking", model->blocking, e));
    }
    if (model->pairs_above > 0) {
        THEN(status, npz_add_real(writer, "effective.pairs_above", model->pairs_above, e));
    }
    return status;
}

static enum status read_features(const struct npz *npz, struct effective_features *f, struct error *e) {
    const struct npz_array *names;
    TRY(npz_require(npz, "effective.features", NPZ_BYTES, 1, &names, e));
    f->count = names->count;
    if (f->count < 1 || f->count > EFFECTIVE_FEATURES) {
        return error_set(e, STATUS_BAD_INPUT, "%s: %zu features found, expected 1 to %d", npz_path(npz), f->count,
                         EFFECTIVE_FEATURES);
    }
    for (size_t i = 0; i < f->count; i++) {
        char name[EFFECTIVE_NAME] = "";
        if (names->item_size < EFFECTIVE_NAME) {
            memcpy(name, (const char *)names->data + i * names->item_size, names->item_size);
        }
        if (!effective_feature_parse(name, &f->list[i])) {
            return error_set(e, STATUS_BAD_INPUT, "%s: '%.40s' is no feature of an effective-action model",
                             npz_path(npz), name);
        }
    }
    return STATUS_OK;
}

/* Reads values (rows, columns), or, with columns = 0, values[rows]. */
static enum status read_reals(const struct npz *npz, const char *name, size_t rows, size_t columns, double **values,
                              struct error *e) {
    const struct npz_array *a;
    const size_t count = columns ? rows * columns : rows;
    enum status status = npz_require(npz, name, NPZ_FLOAT64, columns ? 2 : 1, &a, e);
    if (status == STATUS_OK && (a->count != count || a->shape[0] != rows)) {
        status = columns
                     ? error_set(e, STATUS_BAD_INPUT, "%s: %s has shape %zu x %zu, expected %zu levels x %zu features",
                                 npz_path(npz), name, a->shape[0], a->shape[1], rows, columns)
                     : error_set(e, STATUS_BAD_INPUT, "%s: %s has %zu elements, expected %zu", npz_path(npz), name,
                                 a->count, count);
    }
    if (status != STATUS_OK) {
        return status;
    }
    for (size_t i = 0; i < count; i++) {
        if (!isfinite(((const double *)a->data)[i])) {
            return error_set(e, STATUS_BAD_INPUT, "%s: %s is %g, expected finite numbers", npz_path(npz), name,
                             ((const double *)a->data)[i]);
        }
    }
    *values = malloc(count * sizeof **values);
    if (!*values) {
        return error_set(e, STATUS_FAILED, "out of memory for %s", npz_path(npz));
    }
    memcpy(*values, a->data, count * sizeof **values);
    return STATUS_OK;
}

static enum status check_model(const struct npz *npz, const struct score_model *m, struct error *e) {
    const struct effective_model *model = model_of(m);
    if (!(model->blocking >= 0 && model->blocking < 1)) {
        return error_set(e, STATUS_BAD_INPUT, "%s: effective.blocking %g found, expected 0 to 1", npz_path(npz),
                         model->blocking);
    }
    if (!(model->pairs_above >= 0 && isfinite(model->pairs_above))) {
        return error_set(e, STATUS_BAD_INPUT, "%s: effective.pairs_above %g found, expected at least 0, and finite",
                         npz_path(npz), model->pairs_above);
    }
    if (!(model->saturation.local > 0 && model->saturation.zero > 0)) {
        return error_set(e, STATUS_BAD_INPUT, "%s: saturations %g and %g found, expected more than 0", npz_path(npz),
                         model->saturation.local, model->saturation.zero);
    }
    for (size_t p = 0; p < m->volume; p++) {
        if (!(m->propagator[p] > 0 && isfinite(m->propagator[p]))) {
            return error_set(e, STATUS_BAD_INPUT,
                             "%s: the propagator of mode %zu is %g, expected more than 0, and finite", npz_path(npz), p,
                             m->propagator[p]);
        }
    }
    const double h = (model->log_s[model->levels - 1] - model->log_s[0]) / (double)(model->levels - 1);
    for (size_t k = 0; k < model->levels; k++) {
        if (!(h > 0) || fabs(model->log_s[k] - model->log_s[0] - h * (double)k) > 1e-9 * (1 + fabs(model->log_s[k]))) {
            return error_set(e, STATUS_BAD_INPUT, "%s: effective.log_s ascends unevenly, expected equal distances",
                             npz_path(npz));
        }
    }
    return STATUS_OK;
}

static enum status read_model(const struct npz *npz, struct score_model *m, struct error *e) {
    const struct npz_array *log_s;
    int64_t one_phase = 0;
    enum status status = npz_integer_or(npz, "effective.one_phase", 0, &one_phase, e);
    THEN(status, npz_require(npz, "effective.log_s", NPZ_FLOAT64, 1, &log_s, e));
    if (status == STATUS_OK && log_s->count < 3) {
        status =
            error_set(e, STATUS_BAD_INPUT, "%s: %zu levels found, expected at least 3", npz_path(npz), log_s->count);
    }
    if (status != STATUS_OK) {
        return status;
    }
    m->one_phase = one_phase == 1;
    struct own *own = make(m);
    if (!own) {
        return error_set(e, STATUS_FAILED, "out of memory for the effective-action model");
    }
    struct effective_model *model = &own->model;
    int64_t rounds = 0, far = 0;
    model->levels = log_s->count;
    THEN(status, read_features(npz, &model->features, e));
    THEN(status, npz_real(npz, "effective.saturation", &model->saturation.local, e));
    THEN(status, npz_real(npz, "effective.zero_saturation", &model->saturation.zero, e));
    THEN(status, npz_real(npz, "effective.refine_before", &own->refined.before, e));
    THEN(status, npz_real(npz, "effective.refine_after", &own->refined.after, e));
    if (npz_find(npz, "effective.blocking")) {
        THEN(status, npz_real(npz, "effective.blocking", &model->blocking, e));
    }
    if (npz_find(npz, "effective.pairs_above")) {
        THEN(status, npz_real(npz, "effective.pairs_above", &model->pairs_above, e));
    }
    THEN(status, npz_integer_or(npz, "effective.refine_rounds", 0, &rounds, e));
    THEN(status, npz_integer_or(npz, "effective.refine_far", 0, &far, e));
    own->refined.rounds = (size_t)rounds;
    own->refined.far = (size_t)far;
    THEN(status, read_reals(npz, "effective.log_s", model->levels, 0, &model->log_s, e));
    THEN(status,
         read_reals(npz, "effective.coefficients", model->levels, model->features.count, &model->coefficients, e));
    THEN(status, read_reals(npz, "effective.gain", model->levels, 0, &model->gain, e));
    THEN(status, check_model(npz, m, e));
    return status;
}

/* --- computing ----------------------------------------------------------------------------------- */

struct shared {
    const struct score_model *model;
    struct effective_lattices lattices;
};

struct worker {
    const struct shared *shared;
    double t; /* the time of the level; NaN: there is none */
    struct effective_filters filters;
    struct effective_level *level;
    struct transform_site *room; /* y, drift, and the workspace of an evaluation */
    size_t room_sites;
    double traces[TRANSFORM_FIELDS];
};

static enum status shared_new(const struct score_model *m, size_t batch, void **shared, struct error *e) {
    (void)batch;
    *shared = NULL;
    struct shared *s = calloc(1, sizeof *s);
    *shared = s;
    if (!s) {
        return error_set(e, STATUS_FAILED, "out of memory for the score model");
    }
    s->model = m;
    return effective_lattices_make(m->extents, m->dimensions, model_of(m)->blocking, &s->lattices, e);
}

static void shared_free(void *shared) {
    struct shared *s = shared;
    if (!s) {
        return;
    }
    effective_lattices_release(&s->lattices);
    free(s);
}

static enum status worker_new(void *shared, void **worker, struct error *e) {
    struct worker *w = calloc(1, sizeof *w);
    *worker = w;
    if (!w) {
        return error_set(e, STATUS_FAILED, "out of memory for a worker");
    }
    w->shared = shared;
    w->t = NAN;
    return STATUS_OK;
}

static void worker_free(void *worker) {
    struct worker *w = worker;
    if (!w) {
        return;
    }
    effective_level_free(w->level);
    effective_filters_release(&w->filters);
    free(w->room);
    free(w);
}

static enum status set_level(struct worker *w, double t, struct error *e) {
    const struct shared *s = w->shared;
    const struct effective_model *m = model_of(s->model);
    const double noise = schedule_noise(s->model->sigma, t), log_s = function_log(noise);
    double a[EFFECTIVE_FEATURES];
    effective_level_free(w->level);
    effective_filters_release(&w->filters);
    w->level = NULL;
    w->t = NAN;
    enum status status =
        effective_filters_make(&s->lattices, m->propagator, noise, effective_model_kernels(m), &w->filters, e);
    THEN(status, effective_model_coefficients(m, 1, &log_s, a, e));
    THEN(status, effective_level_new(&w->filters, &m->features, a, m->saturation, &w->level, e));
    if (status != STATUS_OK) {
        return status;
    }
    w->t = t;
    const size_t need = 2 * m->volume + effective_levels_workspace(&s->lattices, 1, &w->level);
    if (need > w->room_sites) {
        free(w->room);
        w->room = transform_allocate(need);
        w->room_sites = w->room ? need : 0;
        if (!w->room) {
            return error_set(e, STATUS_FAILED, "out of memory for a worker");
        }
    }
    return STATUS_OK;
}

/* s(t) score = -s y/(G + s^2) + s W f, of n configurations at one time. */
static void evaluate_level(struct worker *w, size_t n, const float *phi, float *out, double *traces) {
    const struct transform *transform = w->shared->lattices.lattice[0].transform;
    const double *G = model_of(w->shared->model)->propagator, s = w->filters.s;
    const size_t V = w->shared->model->volume;
    struct transform_site *y = w->room, *drift = y + V, *room = y + 2 * V;
    double trace = 0, divergence[TRANSFORM_FIELDS];
    memset(y, 0, V * sizeof *y);
    for (size_t i = 0; i < n; i++) {
        for (size_t x = 0; x < V; x++) {
            *transform_field(&y[x], i) = phi[i * V + x];
        }
    }
    transform_forward(transform, y, y, room);
    for (size_t p = 0; p < V; p++) {
        const double root = sqrt(G[p] + s * s);
        const float inverse = (float)(1 / root);
        y[p].re *= inverse;
        y[p].im *= inverse;
        trace += 1 / (root * root);
    }
    effective_level_evaluate(w->level, y, drift, divergence, room);
    for (size_t p = 0; p < V; p++) {
        const double root = sqrt(G[p] + s * s);
        const float linear = (float)(-s / root / (double)V), other = (float)(-root / s / (double)V);
        drift[p].re = y[p].re * linear + drift[p].re * other;
        drift[p].im = y[p].im * linear + drift[p].im * other;
    }
    transform_inverse(transform, drift, drift, room);
    for (size_t i = 0; i < n; i++) {
        for (size_t x = 0; x < V; x++) {
            out[i * V + x] = *transform_field(&drift[x], i);
        }
        traces[i] = -s * trace - divergence[i] / s;
    }
}

static enum status evaluate(void *worker, int n, const float *phi, const double *t, float *out, struct error *e) {
    struct worker *w = worker;
    const size_t V = w->shared->model->volume;
    for (int first = 0, last; first < n; first = last) {
        for (last = first + 1; last < n && t[last] == t[first];) {
            last++;
        }
        if (t[first] != w->t) {
            TRY(set_level(w, t[first], e));
        }
        evaluate_level(w, (size_t)(last - first), phi + (size_t)first * V, out + (size_t)first * V, w->traces + first);
    }
    return STATUS_OK;
}

static enum status vjp(void *worker, int n, const float *probe, float *out, struct error *e) {
    (void)worker;
    (void)n;
    (void)probe;
    (void)out;
    return error_set(e, STATUS_BAD_INPUT,
                     "an effective-action model has its divergence in closed form: divergence = closed expected");
}

static enum status divergence(void *worker, int n, double *traces, struct error *e) {
    const struct worker *w = worker;
    (void)e;
    memcpy(traces, w->traces, (size_t)n * sizeof *traces);
    return STATUS_OK;
}

/* --- the flow in normalised modes ---------------------------------------------------------------- */

static enum status modes(const struct score_model *m, const struct score_modes *work, struct error *e) {
    struct effective_flow *flow;
    const double stretch = work->stretch > 0 ? work->stretch : 1;
    TRY(work->noisy ? effective_flow_noisy_new(model_of(m), work->steps, work->threads, &flow, e)
                    : effective_flow_new(model_of(m), work->steps, stretch, work->threads, &flow, e));
    enum status status =
        work->roughness > 0 ? effective_flow_recheck(flow, work->roughness, work->threads, e) : STATUS_OK;
    const struct effective_flow_work own = {work->key, work->first, work->count,       work->threads,
                                            work->phi, work->log_q, work->interrupted, work->progress};
    THEN(status, effective_flow_run(flow, &own, e));
    effective_flow_free(flow);
    return status;
}

static size_t batch(const struct score_model *m) {
    (void)m;
    return TRANSFORM_FIELDS;
}

const struct score_kind score_effective_action = {
    .name = "effective-action",
    .excess = true,
    .transfers = true,
    .smooth = true,
    .cpu_only = true,
    .batch = batch,
    .check = check,
    .treatment = treatment,
    .prepare = prepare,
    .fit = fit,
    .add = add_model,
    .read = read_model,
    .release = release,
    .shared_new = shared_new,
    .shared_free = shared_free,
    .worker_new = worker_new,
    .worker_free = worker_free,
    .evaluate = evaluate,
    .vjp = vjp,
    .divergence = divergence,
    .modes = modes,
    .refresh = &effective_refresh,
};
