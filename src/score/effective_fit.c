/* Least squares for the effective-action model; the contract and the equations are in effective_fit.h. */
#include "score/effective_fit.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/functions.h"
#include "base/random.h"
#include "base/sum.h"
#include "score/effective_basis.h"
#include "score/effective_linear.h"

enum { CONFIGURATIONS = WIDE_LANES }; /* of a pack: the real parts have noise z, the imaginary ones -z */

/* What all packs of a level share. */
struct level {
    const struct effective_model *model;
    const struct effective_fit_settings *settings;
    const struct effective_lattices *lattices;
    const struct transform *transform;
    const struct geometry *geometry;
    struct effective_filters filters;
    struct effective_basis *basis;
    float *gain; /* [V] arrays: 1/(G + s^2); c; (c - 1)/s */
    struct random_key key;
    uint64_t number;
};

enum gain { INVERSE, FORCE, NOISE, GAINS };

static const float *gain_of(const struct level *l, size_t i) {
    return l->gain + i * l->model->volume;
}

/* <S''> at mode p (theory.h). */
static double curvature(const struct level *l, double square, size_t p) {
    const struct effective_model *m = l->model;
    double cosines = 0;
    for (size_t mu = m->dimensions, rest = p; mu-- > 0; rest /= m->extents[mu]) {
        double sine, cosine;
        function_sincos_turns((double)(rest % m->extents[mu]) / (double)m->extents[mu], &sine, &cosine);
        cosines += cosine;
    }
    return theory_mean_curvature(&l->settings->theory, cosines, square);
}

static enum status level_make(double s, struct level *l, struct error *e) {
    const struct effective_model *m = l->model;
    const size_t V = m->volume;
    TRY(effective_filters_make(l->lattices, m->propagator, s, effective_model_kernels(m), &l->filters, e));
    TRY(effective_basis_new(&l->filters, &m->features, m->saturation, &l->basis, e));
    l->gain = malloc(GAINS * V * sizeof *l->gain);
    if (!l->gain) {
        return error_set(e, STATUS_FAILED, "out of memory for the filters of %zu modes", V);
    }
    const double square = sum_tree(m->propagator, V) / (double)V + m->mean * m->mean;
    for (size_t p = 0; p < V; p++) {
        const double H = fmax(curvature(l, square, p), 0.01), c = l->settings->mixed ? 1 / (1 + s * s * H) : 0;
        l->gain[INVERSE * V + p] = (float)(1 / (m->propagator[p] + s * s));
        l->gain[FORCE * V + p] = (float)c;
        l->gain[NOISE * V + p] = (float)((c - 1) / s);
    }
    return STATUS_OK;
}

static void level_release(struct level *l) {
    effective_basis_free(l->basis);
    effective_filters_release(&l->filters);
    free(l->gain);
    l->gain = NULL;
}

/* --- the features of a pack ---------------------------------------------------------------------- */

struct room {
    struct transform_site *target, *y, *noise, *feature, *basis;
    double *phi, *force;
    float *normal;
    double *sums; /* rows x rows x WIDE_LANES: products of features, and with the target */
};

/* Noisy fields y(p), and the target r(p) = c (-grad S) + (c - 1) z/s + y/(G + s^2). */
static void read_pack(const struct level *l, const float *fields, size_t first, size_t count, const struct room *r) {
    const struct effective_model *m = l->model;
    const size_t V = m->volume;
    const float s = (float)l->filters.s;
    memset(r->y, 0, V * sizeof *r->y);
    memset(r->noise, 0, V * sizeof *r->noise);
    memset(r->target, 0, V * sizeof *r->target);
    for (size_t i = 0; i < count; i++) {
        const float *phi = fields + (first + i) * V;
        for (size_t x = 0; x < V; x++) {
            r->phi[x] = (double)phi[x] + m->mean;
        }
        action_force(l->geometry, &l->settings->theory, r->phi, r->force);
        random_normal_float(l->key, first + i, l->number, r->normal, V);
        for (size_t x = 0; x < V; x++) {
            r->y[x].re[i] = phi[x] + s * r->normal[x];
            r->y[x].im[i] = phi[x] - s * r->normal[x];
            r->noise[x].re[i] = r->normal[x];
            r->noise[x].im[i] = -r->normal[x];
            r->target[x].re[i] = r->target[x].im[i] = (float)r->force[x];
        }
    }
    transform_forward(l->transform, r->y, r->y, r->basis);
    transform_forward(l->transform, r->noise, r->noise, r->basis);
    transform_forward(l->transform, r->target, r->target, r->basis);
    const float *inverse = gain_of(l, INVERSE), *force = gain_of(l, FORCE), *noise = gain_of(l, NOISE);
    for (size_t p = 0; p < V; p++) {
        r->target[p].re = r->target[p].re * force[p] + r->noise[p].re * noise[p] + r->y[p].re * inverse[p];
        r->target[p].im = r->target[p].im * force[p] + r->noise[p].im * noise[p] + r->y[p].im * inverse[p];
    }
}

static struct transform_site *feature_at(const struct level *l, const struct room *r, size_t i) {
    return r->feature + i * l->model->volume;
}

/* --- products ------------------------------------------------------------------------------------ */

enum { TILE = 4, SITES = 64 };

/* Products of rows i .. i+3 and j .. j+3 over sites first .. last-1, added to sums. */
static void tile(const struct transform_site *const *row, size_t rows, size_t i, size_t j, size_t first, size_t last,
                 double *sums) {
    wide sum[TILE][TILE] = {{{0}}};
    for (size_t p = first; p < last; p++) {
        struct transform_site a[TILE];
        for (size_t k = 0; k < TILE; k++) {
            a[k] = row[i + k][p];
        }
        for (size_t m = 0; m < TILE; m++) {
            const struct transform_site b = row[j + m][p];
            for (size_t k = 0; k < TILE; k++) {
                sum[k][m] += a[k].re * b.re + a[k].im * b.im;
            }
        }
    }
    for (size_t k = 0; k < TILE; k++) {
        for (size_t m = 0; m < TILE; m++) {
            wide_accumulate(sums + ((i + k) * rows + j + m) * WIDE_LANES, &sum[k][m]);
        }
    }
}

/* Sets normal (F + 1, F + 1) to the products of features, and in the last row those with the target, averaged over the
 * fields and sites of the pack. */
static void products(const struct level *l, const struct room *r, size_t rows, double *normal) {
    const size_t F = l->model->features.count, V = l->model->volume;
    const struct transform_site *row[EFFECTIVE_FEATURES + 1 + TILE];
    for (size_t i = 0; i < rows; i++) {
        row[i] = i < F ? feature_at(l, r, i) : r->target; /* rows beyond the target fill the last tile */
    }
    memset(r->sums, 0, rows * rows * WIDE_LANES * sizeof *r->sums);
    for (size_t first = 0; first < V; first += SITES) {
        for (size_t i = 0; i < rows; i += TILE) {
            for (size_t j = 0; j <= i; j += TILE) {
                tile(row, rows, i, j, first, first + SITES < V ? first + SITES : V, r->sums);
            }
        }
    }
    for (size_t i = 0; i <= F; i++) {
        for (size_t j = 0; j <= i; j++) {
            double sum = 0;
            for (size_t k = 0; k < WIDE_LANES; k++) {
                sum += r->sums[(i * rows + j) * WIDE_LANES + k];
            }
            normal[i * (F + 1) + j] = normal[j * (F + 1) + i] = sum / (double)(V * TRANSFORM_FIELDS);
        }
    }
}

/* --- the solution -------------------------------------------------------------------------------- */

/* Share of a feature at the level (effective_model.h). */
static double share(const struct level *l, size_t feature) {
    return effective_model_share(l->model, feature, l->model->log_s[l->number]);
}

/* Whether the coefficients of level k are transferred from another lattice. */
static bool is_transferred(const struct effective_fit_settings *settings, const struct effective_model *m, size_t k) {
    const double below = settings->transfer_below;
    return settings->transfer && (below == 0 || function_exp(m->log_s[k]) < below);
}

/* Whether the coefficient is fitted: the level has the feature, and the coefficient is not transferred. */
static bool is_fitted(const struct level *l, size_t feature) {
    const enum effective_kind kind = l->model->features.list[feature].kind;
    return share(l, feature) > 0 && (!is_transferred(l->settings, l->model, l->number) || kind == EFFECTIVE_ZERO ||
                                     kind == EFFECTIVE_ZERO_LOCAL);
}

/* The noise of the fit: the variance of the packs' mean of b - A a, in units of the diagonal of A, averaged over the
 * fitted features. */
static double noise_of(const struct level *l, const bool *fitted, const double *packs, size_t count, const double *mean,
                       const double *a) {
    const size_t F = l->model->features.count, stride = F + 1;
    double sum = 0;
    size_t features = 0;
    for (size_t i = 0; i < F; i++) {
        if (!fitted[i]) {
            continue;
        }
        double first = 0, second = 0;
        for (size_t k = 0; k < count; k++) {
            const double *normal = packs + k * stride * stride;
            double rest = normal[F * stride + i];
            for (size_t j = 0; j < F; j++) {
                rest -= normal[i * stride + j] * a[j];
            }
            first += rest / (double)count;
            second += rest * rest / (double)count;
        }
        if (mean[i * stride + i] > 0) {
            sum += (second - first * first) / (double)(count - 1) / mean[i * stride + i];
        }
        features++;
    }
    return features ? sum / (double)features : 0;
}

/* Sets A to `mean` without the features that are not fitted, and b to its residual with the coefficients `start`. */
static void reduce(const struct level *l, const bool *fitted, const double *mean, const double *start, double *A,
                   double *b) {
    const size_t F = l->model->features.count, stride = F + 1;
    memcpy(A, mean, stride * stride * sizeof *A);
    for (size_t i = 0; i < F; i++) {
        b[i] = mean[F * stride + i];
        for (size_t j = 0; j < F; j++) {
            b[i] -= mean[i * stride + j] * start[j];
            if (!fitted[i] || !fitted[j]) {
                A[i * stride + j] = 0;
            }
        }
    }
}

/* Solves the normal equations, given for each pack and as their mean. a: on entry the starting values, which the
 * features that are not fitted keep. */
static enum status solve(const struct level *l, const bool *fitted, const double *packs, size_t count,
                         const double *mean, double *a, struct error *e) {
    enum { ROUNDS = 20 };
    const size_t F = l->model->features.count, stride = F + 1;
    double b[EFFECTIVE_FEATURES], scale[EFFECTIVE_FEATURES], start[EFFECTIVE_FEATURES], more[EFFECTIVE_FEATURES],
        ridge = 1e-2;
    double *A = malloc(stride * stride * sizeof *A);
    if (!A) {
        return error_set(e, STATUS_FAILED, "out of memory for %zu features", F);
    }
    memcpy(start, a, F * sizeof *a);
    for (int round = 0; round < ROUNDS; round++) {
        reduce(l, fitted, mean, start, A, b);
        if (!effective_solve(A, F, stride, b, ridge, more, scale)) {
            free(A);
            return error_set(e, STATUS_FAILED,
                             "the features are linearly dependent at s = %g: a larger ridge than %g expected",
                             l->filters.s, ridge);
        }
        double size = 0, features = 0;
        for (size_t i = 0; i < F; i++) {
            a[i] = start[i] + more[i];
            size += more[i] * more[i] * mean[i * stride + i];
            features += fitted[i];
        }
        const double noise = count > 1 ? noise_of(l, fitted, packs, count, mean, a) : 0;
        ridge = size > 0 ? fmin(fmax(l->settings->ridge, features * noise / size), 1e3) : 1e3;
    }
    free(A);
    return STATUS_OK;
}

/* Sets the coefficients a and the gain s^2 (2 a.b - a.A a). a: on entry 0, or the transferred coefficients. Features
 * with a share below 1 are fitted together with all others and multiplied by their share; then they are held fixed
 * while the others are fitted again. */
static enum status solve_level(const struct level *l, const double *packs, size_t count, const double *mean, double *a,
                               double *gain, struct error *e) {
    const size_t F = l->model->features.count, stride = F + 1;
    double start[EFFECTIVE_FEATURES];
    bool fitted[EFFECTIVE_FEATURES], shared = false;
    for (size_t i = 0; i < F; i++) {
        start[i] = a[i];
        fitted[i] = is_fitted(l, i);
        shared = shared || (fitted[i] && share(l, i) < 1);
    }
    TRY(solve(l, fitted, packs, count, mean, a, e));
    for (size_t i = 0; i < F && shared; i++) {
        const double part = share(l, i);
        a[i] = fitted[i] && part < 1 ? part * a[i] : start[i];
        fitted[i] = fitted[i] && part == 1;
    }
    if (shared) {
        TRY(solve(l, fitted, packs, count, mean, a, e));
    }
    *gain = 0;
    for (size_t i = 0; i < F; i++) {
        double image = 0;
        for (size_t j = 0; j < F; j++) {
            image += mean[i * stride + j] * a[j];
        }
        *gain += l->filters.s * l->filters.s * a[i] * (2 * mean[F * stride + i] - image);
    }
    return STATUS_OK;
}

/* --- all levels ---------------------------------------------------------------------------------- */

static size_t rows_of(const struct effective_model *m) {
    return (m->features.count + TILE) / TILE * TILE;
}

static bool room_make(const struct level *l, struct room *r) {
    const size_t V = l->model->volume, F = l->model->features.count, rows = rows_of(l->model);
    struct transform_site *all = transform_allocate((3 + F) * V + effective_basis_workspace(l->basis));
    double *reals = malloc((3 * V + rows * rows * WIDE_LANES) * sizeof *reals);
    *r = (struct room){.target = all, .phi = reals};
    if (!all || !reals) {
        return false;
    }
    r->y = all + V;
    r->noise = all + 2 * V;
    r->feature = all + 3 * V;
    r->basis = r->feature + F * V;
    r->force = reals + V;
    r->normal = (float *)(reals + 2 * V);
    r->sums = reals + 3 * V;
    return true;
}

static void room_free(struct room *r) {
    free(r->target);
    free(r->phi);
}

static enum status fit_level(const struct level *l, const float *fields, size_t count, int threads, double *a,
                             double *gain, const volatile sig_atomic_t *interrupted, struct error *e) {
    const size_t packs = (count + CONFIGURATIONS - 1) / CONFIGURATIONS, F = l->model->features.count;
    const size_t size = (F + 1) * (F + 1);
    double *normal = calloc(packs * size, sizeof *normal);
    bool no_memory = !normal;
#pragma omp parallel num_threads(threads)
    {
        struct room r = {0};
        const bool ready = normal && room_make(l, &r);
        if (!ready)
#pragma omp atomic write
            no_memory = true;
#pragma omp for schedule(dynamic, 1)
        for (size_t i = 0; i < packs; i++) {
            const size_t first = i * CONFIGURATIONS, rest = count - first;
            if (!ready || *interrupted) {
                continue;
            }
            read_pack(l, fields, first, rest < CONFIGURATIONS ? rest : CONFIGURATIONS, &r);
            effective_basis_evaluate(l->basis, r.y, r.feature, NULL, r.basis);
            products(l, &r, rows_of(l->model), normal + i * size);
        }
        room_free(&r);
    }
    enum status status = no_memory      ? error_set(e, STATUS_FAILED, "out of memory for the fit of %zu features", F)
                         : *interrupted ? error_set(e, STATUS_FAILED, "interrupted while fitting")
                                        : STATUS_OK;
    double *mean = calloc(size, sizeof *mean);
    if (status == STATUS_OK && !mean) {
        status = error_set(e, STATUS_FAILED, "out of memory for the fit of %zu features", F);
    }
    for (size_t i = 0; status == STATUS_OK && i < packs; i++) {
        for (size_t k = 0; k < size; k++) {
            mean[k] += normal[i * size + k] / (double)packs;
        }
    }
    THEN(status, solve_level(l, normal, packs, mean, a, gain, e));
    free(mean);
    free(normal);
    return status;
}

enum status effective_fit(const struct effective_fit_settings *settings, const float *fields, size_t count, int threads,
                          struct effective_model *m, const volatile sig_atomic_t *interrupted,
                          struct progress *progress, struct error *e) {
    const size_t n = settings->levels, F = m->features.count;
    struct effective_lattices lattices;
    struct geometry *geometry = NULL;
    enum status status = effective_lattices_make(m->extents, m->dimensions, 0, &lattices, e);
    THEN(status, geometry_new(m->extents, m->dimensions, &geometry, e));
    m->levels = n;
    m->log_s = malloc(n * sizeof *m->log_s);
    m->coefficients = calloc(n * F, sizeof *m->coefficients);
    m->gain = calloc(n, sizeof *m->gain);
    if (status == STATUS_OK && (!m->log_s || !m->coefficients || !m->gain)) {
        status = error_set(e, STATUS_FAILED, "out of memory for %zu levels", n);
    }
    const double low = function_log(settings->lowest), high = function_log(settings->highest);
    for (size_t i = 0; i < n && status == STATUS_OK; i++) {
        m->log_s[i] = low + (high - low) * (double)i / (double)(n - 1);
    }
    if (settings->transfer && status == STATUS_OK) {
        status = effective_model_coefficients(settings->transfer, n, m->log_s, m->coefficients, e);
        for (size_t i = 0; i < n && status == STATUS_OK; i++) {
            if (!is_transferred(settings, m, i)) {
                memset(m->coefficients + i * F, 0, F * sizeof *m->coefficients);
            }
        }
    }
    for (size_t i = 0; i < n && status == STATUS_OK; i++) {
        struct level l = {.model = m,
                          .settings = settings,
                          .lattices = &lattices,
                          .transform = lattices.lattice[0].transform,
                          .geometry = geometry,
                          .key = random_key(settings->seed, "train", "effective-action"),
                          .number = i};
        status = level_make(function_exp(m->log_s[i]), &l, e);
        THEN(status, fit_level(&l, fields, count, threads, m->coefficients + i * F, &m->gain[i], interrupted, e));
        level_release(&l);
        if (progress) {
            progress_update(progress, i + 1, NULL);
        }
    }
    if (status != STATUS_OK) {
        effective_model_release(m);
    }
    geometry_free(geometry);
    effective_lattices_release(&lattices);
    return status;
}
