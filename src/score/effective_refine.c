/* The refinement of the effective-action model; the contract and the equations are in effective_refine.h. */
#include "score/effective_refine.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/functions.h"
#include "base/sum.h"
#include "score/effective_basis.h"
#include "score/effective_flow.h"
#include "score/effective_linear.h"

/* Zero modes of every other proposal are stretched, so that the largest magnetizations that a long chain meets lie within
 * what the change is fitted to; without that it makes weights of e^10 there. */
#define STRETCH 1.6

enum { GRAM_SITES = 1 << 15 }; /* sites of the packs that the penalty is measured on, at least a pack */

/* What all packs share; a level a node of the path, nodes = steps + 1. */
struct plan {
    const struct effective_refine_settings *settings;
    const struct effective_model *model;
    struct effective_flow *flow;
    struct fourier *fourier;
    struct transform *transform;
    struct geometry *geometry;
    size_t nodes, unknowns; /* features x knots */
    double *coefficients;   /* nodes x features */
    struct effective_filters *filters;
    struct effective_basis **basis;
    struct random_key key;
};

static enum status plan_make(struct plan *p, const struct effective_refine_settings *settings, int threads,
                             const struct effective_model *m, struct error *e) {
    const size_t nodes = settings->steps + 1;
    *p = (struct plan){.settings = settings, .model = m, .nodes = nodes, .unknowns = m->features.count * settings->knots,
                       .key = random_key(settings->seed, "train", "refine")};
    enum status status = fourier_new(m->extents, m->dimensions, &p->fourier, e);
    status = status ? status : transform_new(m->extents, m->dimensions, &p->transform, e);
    status = status ? status : geometry_new(m->extents, m->dimensions, &p->geometry, e);
    status = status ? status : effective_flow_new(m, settings->steps, threads, &p->flow, e);
    double *log_s = malloc(nodes * sizeof *log_s);
    p->coefficients = malloc(nodes * m->features.count * sizeof *p->coefficients);
    p->filters = calloc(nodes, sizeof *p->filters);
    p->basis = calloc(nodes, sizeof *p->basis);
    if (status == STATUS_OK && (!log_s || !p->coefficients || !p->filters || !p->basis))
        status = error_set(e, STATUS_FAILED, "out of memory for the refinement");
    for (size_t k = 0; k < nodes && status == STATUS_OK; k++)
        log_s[k] = effective_flow_log_s(p->flow, k);
    status = status ? status : effective_model_coefficients(m, nodes, log_s, p->coefficients, e);
    for (size_t k = 0; k < nodes && status == STATUS_OK; k++) {
        status = effective_filters_make(p->fourier, m->propagator, function_exp(log_s[k]), effective_model_kernels(m),
                                        &p->filters[k], e);
        status = status ? status : effective_basis_new(p->transform, &p->filters[k], &m->features, m->saturation,
                                                       &p->basis[k], e);
    }
    free(log_s);
    return status;
}

static void plan_release(struct plan *p) {
    for (size_t k = 0; k < p->nodes; k++) {
        if (p->basis)
            effective_basis_free(p->basis[k]);
        if (p->filters)
            effective_filters_release(&p->filters[k]);
    }
    free(p->basis);
    free(p->filters);
    free(p->coefficients);
    effective_flow_free(p->flow);
    geometry_free(p->geometry);
    transform_free(p->transform);
    fourier_free(p->fourier);
}

/* Where node k lies between the knots: in front of knot j + share. */
static size_t knot_of(const struct plan *p, size_t k, double *share) {
    const double place = (double)k * (double)(p->settings->knots - 1) / (double)(p->nodes - 1);
    const size_t j = (size_t)fmin(place, (double)(p->settings->knots - 2));
    *share = place - (double)j;
    return j;
}

/* --- a pack -------------------------------------------------------------------------------------- */

/* One thread's view of the pack that goes down. */
struct watcher {
    const struct plan *plan;
    struct transform_site *y, *score, *feature, *room;
    double *divergence; /* features x TRANSFORM_FIELDS */
    float *slopes;      /* TRANSFORM_FIELDS x unknowns: d log w of each coefficient, of this pack */
    double *gram;       /* nodes x features^2 of this pack; NULL: not wanted */
};

static bool watcher_make(const struct plan *p, struct watcher *w) {
    const size_t V = p->model->volume, F = p->model->features.count;
    size_t room = effective_flow_workspace(p->flow);
    for (size_t k = 0; k < p->nodes; k++)
        room = effective_basis_workspace(p->basis[k]) > room ? effective_basis_workspace(p->basis[k]) : room;
    *w = (struct watcher){.plan = p, .y = transform_allocate((2 + F) * V + room)};
    w->divergence = malloc(F * TRANSFORM_FIELDS * sizeof *w->divergence);
    if (!w->y || !w->divergence)
        return false;
    w->score = w->y + V;
    w->feature = w->y + 2 * V;
    w->room = w->feature + F * V;
    return true;
}

static void watcher_free(struct watcher *w) {
    free(w->y);
    free(w->divergence);
}

/* y, and the model's score -y/(G + s^2) + sum of coefficient times W F. */
static void score_at(const struct watcher *w, size_t k, const struct transform_site *modes) {
    const struct plan *p = w->plan;
    const struct effective_filters *filters = &p->filters[k];
    const size_t V = p->model->volume, F = p->model->features.count;
    for (size_t q = 0; q < V; q++) {
        const float root = (float)filters->root[q];
        w->y[q] = (struct transform_site){modes[q].re * root, modes[q].im * root};
    }
    effective_basis_evaluate(p->basis[k], w->y, w->feature, w->divergence, w->room);
    for (size_t q = 0; q < V; q++) {
        const float inverse = (float)(-1 / (filters->root[q] * filters->root[q]));
        struct transform_site sum = {w->y[q].re * inverse, w->y[q].im * inverse};
        for (size_t i = 0; i < F; i++) {
            const float a = (float)p->coefficients[k * F + i];
            sum.re += w->feature[i * V + q].re * a;
            sum.im += w->feature[i * V + q].im * a;
        }
        w->score[q] = sum;
    }
}

/* Scalar product of feature and score of every field: both fields of a lane from the modes p and -p (transform.h). */
static void product(const struct watcher *w, const struct transform_site *feature, double dot[TRANSFORM_FIELDS]) {
    enum { CHUNK = 64 };
    const size_t V = w->plan->model->volume, *opposite = transform_opposite(w->plan->transform);
    for (size_t i = 0; i < TRANSFORM_FIELDS; i++)
        dot[i] = 0;
    for (size_t first = 0; first < V; first += CHUNK) {
        struct transform_site sum = {{0}, {0}};
        for (size_t q = first; q < first + CHUNK && q < V; q++) {
            const struct transform_site f = feature[q], here = w->score[q], there = w->score[opposite[q]];
            sum.re += f.re * (here.re + there.re) + f.im * (here.im - there.im);
            sum.im += f.re * (here.re - there.re) + f.im * (here.im + there.im);
        }
        wide_accumulate(dot, &sum.re);
        wide_accumulate(dot + WIDE_LANES, &sum.im);
    }
    for (size_t i = 0; i < TRANSFORM_FIELDS; i++)
        dot[i] *= 0.5 / (double)V;
}

/* sum over fields of what two features add to the flow, multiplied: s^4 sum_p W F_i . W F_j / (G + s^2). */
static double gram_element(const struct watcher *w, size_t k, size_t i, size_t j) {
    enum { CHUNK = 64 };
    const struct effective_filters *filters = &w->plan->filters[k];
    const size_t V = w->plan->model->volume;
    const struct transform_site *a = w->feature + i * V, *b = w->feature + j * V;
    double lanes[WIDE_LANES] = {0}, total = 0;
    for (size_t first = 0; first < V; first += CHUNK) {
        wide sum = {0};
        for (size_t q = first; q < first + CHUNK && q < V; q++)
            sum += (a[q].re * b[q].re + a[q].im * b[q].im) * (float)(1 / (filters->root[q] * filters->root[q]));
        wide_accumulate(lanes, &sum);
    }
    for (int l = 0; l < WIDE_LANES; l++)
        total += lanes[l];
    return total * filters->s * filters->s * filters->s * filters->s / (double)V;
}

static void see(void *context, size_t k, const struct transform_site *modes) {
    struct watcher *w = context;
    const struct plan *p = w->plan;
    const size_t V = p->model->volume, F = p->model->features.count, J = p->settings->knots;
    const double s = p->filters[k].s, h = effective_flow_log_s(p->flow, 1) - effective_flow_log_s(p->flow, 0);
    const double weight = -s * s * h * (k == 0 || k + 1 == p->nodes ? 0.5 : 1); /* trapezoids */
    double share, dot[TRANSFORM_FIELDS];
    const size_t j = knot_of(p, k, &share);
    score_at(w, k, modes);
    for (size_t i = 0; i < F; i++) {
        product(w, w->feature + i * V, dot);
        for (size_t l = 0; l < TRANSFORM_FIELDS; l++) {
            const double change = weight * (w->divergence[i * TRANSFORM_FIELDS + l] + dot[l]);
            float *slope = w->slopes + l * p->unknowns + i * J + j;
            slope[0] += (float)((1 - share) * change);
            slope[1] += (float)(share * change);
        }
    }
    for (size_t i = 0; w->gram && i < F; i++)
        for (size_t n = 0; n <= i; n++)
            w->gram[(k * F + i) * F + n] = w->gram[(k * F + n) * F + i] = gram_element(w, k, i, n);
}

/* --- proposals ----------------------------------------------------------------------------------- */

struct proposals {
    size_t count, kept;
    float *slopes;  /* count x unknowns; NULL: only the weights are wanted */
    double *log_w;  /* count */
    double *grams;  /* packs x nodes x features^2 */
    size_t packs;   /* of grams */
};

static void proposals_release(struct proposals *r) {
    free(r->slopes);
    free(r->log_w);
    free(r->grams);
}

static void weigh(const struct plan *p, size_t count, const float *phi, double *own, double *log_w) {
    const size_t V = p->model->volume;
    for (size_t i = 0; i < count; i++) {
        for (size_t x = 0; x < V; x++)
            own[x] = (double)phi[i * V + x];
        log_w[i] = -action(p->geometry, &p->settings->theory, own) - log_w[i]; /* log q was there */
    }
}

static enum status propose(const struct plan *p, size_t first, int threads, struct proposals *r,
                           const volatile sig_atomic_t *interrupted, struct error *e) {
    const size_t V = p->model->volume, F = p->model->features.count, packs = r->count / TRANSFORM_FIELDS;
    bool no_memory = false;
#pragma omp parallel num_threads(threads)
    {
        struct watcher w;
        const bool whole = watcher_make(p, &w);
        float *phi = malloc(TRANSFORM_FIELDS * V * sizeof *phi);
        double *own = malloc(V * sizeof *own);
        struct transform_site *room = transform_allocate(effective_flow_workspace(p->flow));
        if (!whole || !phi || !own || !room)
#pragma omp atomic write
            no_memory = true;
#pragma omp for schedule(dynamic, 1)
        for (size_t i = 0; i < packs; i++) {
            if (!whole || !phi || !own || !room || *interrupted)
                continue;
            const struct effective_observer observer = {see, &w, STRETCH};
            if (r->slopes) {
                w.slopes = r->slopes + i * TRANSFORM_FIELDS * p->unknowns;
                w.gram = i < r->packs ? r->grams + i * p->nodes * F * F : NULL;
            }
            double *log_w = r->log_w + i * TRANSFORM_FIELDS;
            effective_flow_draw(p->flow, p->key, first + i * TRANSFORM_FIELDS, r->slopes ? &observer : NULL,
                                TRANSFORM_FIELDS, phi, log_w, room);
            weigh(p, TRANSFORM_FIELDS, phi, own, log_w);
        }
        watcher_free(&w);
        free(phi);
        free(own);
        free(room);
    }
    if (no_memory)
        return error_set(e, STATUS_FAILED, "out of memory for the refinement");
    return *interrupted ? error_set(e, STATUS_FAILED, "interrupted while refining") : STATUS_OK;
}

static int compare(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

/* Drops proposals that are not finite or far out, in place. */
static enum status drop_far(const struct plan *p, struct proposals *r, struct error *e) {
    double *sorted = malloc(r->count * sizeof *sorted);
    if (!sorted)
        return error_set(e, STATUS_FAILED, "out of memory for %zu weights", r->count);
    size_t n = 0;
    for (size_t i = 0; i < r->count; i++)
        if (isfinite(r->log_w[i]))
            sorted[n++] = r->log_w[i];
    qsort(sorted, n, sizeof *sorted, compare);
    r->kept = 0;
    if (n >= 4) {
        const double median = sorted[n / 2], width = 0.7413 * (sorted[3 * n / 4] - sorted[n / 4]);
        for (size_t i = 0; i < r->count; i++) {
            if (!(fabs(r->log_w[i] - median) <= 8 * width))
                continue;
            r->log_w[r->kept] = r->log_w[i];
            if (r->slopes && r->kept != i)
                memcpy(r->slopes + r->kept * p->unknowns, r->slopes + i * p->unknowns, p->unknowns * sizeof *r->slopes);
            r->kept++;
        }
    }
    free(sorted);
    return STATUS_OK;
}

static double deviation(const double *log_w, size_t n, double *mean) {
    double square = 0;
    *mean = sum_tree(log_w, n) / (double)n;
    for (size_t i = 0; i < n; i++)
        square += (log_w[i] - *mean) * (log_w[i] - *mean);
    return sqrt(square / (double)n);
}

/* --- the equations ------------------------------------------------------------------------------- */

/* Covariances of the slopes, and with log w; then the penalty. */
static void normal_equations(const struct plan *p, const struct proposals *r, int threads, double *A, double *b) {
    const size_t D = p->unknowns, F = p->model->features.count, J = p->settings->knots, n = r->kept;
    double mean_w;
    deviation(r->log_w, n, &mean_w);
#pragma omp parallel for num_threads(threads) schedule(dynamic, 4)
    for (size_t i = 0; i < D; i++) { /* centred: rows of A are sums over proposals in their order */
        double mean = 0;
        double *row = A + i * D;
        for (size_t k = 0; k < n; k++)
            mean += (double)r->slopes[k * D + i] / (double)n;
        for (size_t k = 0; k < n; k++) {
            const double slope = ((double)r->slopes[k * D + i] - mean) / (double)n;
            const float *other = r->slopes + k * D;
            b[i] -= slope * (r->log_w[k] - mean_w);
            for (size_t j = 0; j <= i; j++)
                row[j] += slope * (double)other[j];
        }
    }
    const double h = fabs(effective_flow_log_s(p->flow, 1) - effective_flow_log_s(p->flow, 0));
    for (size_t k = 0; k < p->nodes; k++) {
        double share;
        const size_t j = knot_of(p, k, &share);
        const double weight[2] = {1 - share, share};
        const double scale = p->settings->penalty * h * (k == 0 || k + 1 == p->nodes ? 0.5 : 1) /
                             (double)(r->packs * TRANSFORM_FIELDS);
        for (size_t i = 0; i < F; i++)
            for (size_t m = 0; m < F; m++) {
                double gram = 0;
                for (size_t q = 0; q < r->packs; q++)
                    gram += r->grams[((q * p->nodes + k) * F + i) * F + m];
                for (size_t x = 0; x < 2; x++)
                    for (size_t y = 0; y < 2; y++)
                        if (m * J + j + y <= i * J + j + x)
                            A[(i * J + j + x) * D + m * J + j + y] += scale * gram * weight[x] * weight[y];
            }
    }
    for (size_t i = 0; i < D; i++)
        for (size_t j = 0; j < i; j++)
            A[j * D + i] = A[i * D + j];
}

static enum status find_change(const struct plan *p, const struct proposals *r, int threads, double *change,
                               struct error *e) {
    const size_t D = p->unknowns;
    double *A = calloc(D * D + 2 * D, sizeof *A);
    if (!A)
        return error_set(e, STATUS_FAILED, "out of memory for %zu coefficients", D);
    normal_equations(p, r, threads, A, A + D * D);
    const bool solved = effective_solve(A, D, D, A + D * D, 1e-6, change, A + D * D + D);
    free(A);
    return solved ? STATUS_OK : error_set(e, STATUS_FAILED, "the refinement's equations are not positive");
}

/* Adds the change, which is linear between knots (knot 0 at the highest level), to the levels' coefficients. */
static void apply(const struct effective_model *m, size_t knots, const double *change) {
    const size_t F = m->features.count;
    for (size_t k = 0; k < m->levels; k++) {
        const double place = (double)(m->levels - 1 - k) * (double)(knots - 1) / (double)(m->levels - 1);
        const size_t j = (size_t)fmin(place, (double)(knots - 2));
        const double share = place - (double)j;
        for (size_t i = 0; i < F; i++)
            m->coefficients[k * F + i] += (1 - share) * change[i * knots + j] + share * change[i * knots + j + 1];
    }
}

static enum status make_room(const struct plan *p, bool slopes, size_t count, struct proposals *r, struct error *e) {
    const size_t F = p->model->features.count, packs = count / TRANSFORM_FIELDS;
    const size_t wanted = GRAM_SITES / p->model->volume + 1;
    *r = (struct proposals){.count = count, .packs = packs < wanted ? packs : wanted};
    r->log_w = calloc(count, sizeof *r->log_w);
    if (slopes) {
        r->slopes = calloc(count * p->unknowns, sizeof *r->slopes);
        r->grams = calloc(r->packs * p->nodes * F * F, sizeof *r->grams);
    }
    if (!r->log_w || (slopes && (!r->slopes || !r->grams)))
        return error_set(e, STATUS_FAILED, "out of memory for %zu proposals", count);
    return STATUS_OK;
}

/* Spread of log w of `count` proposals from `first` on. */
static enum status spread(const struct effective_refine_settings *settings, size_t first, size_t count, int threads,
                          const struct effective_model *m, double *width, const volatile sig_atomic_t *interrupted,
                          struct error *e) {
    struct plan p;
    struct proposals r = {0};
    double mean;
    enum status status = plan_make(&p, settings, threads, m, e);
    status = status ? status : make_room(&p, false, count, &r, e);
    status = status ? status : propose(&p, first, threads, &r, interrupted, e);
    if (status == STATUS_OK) {
        *width = deviation(r.log_w, count, &mean);
        if (!isfinite(*width))
            *width = INFINITY;
    }
    proposals_release(&r);
    plan_release(&p);
    return status;
}

enum status effective_refine(const struct effective_refine_settings *settings, int threads, struct effective_model *m,
                             struct effective_refine_result *result, const volatile sig_atomic_t *interrupted,
                             struct error *e) {
    const size_t F = m->features.count, packs = (settings->proposals + TRANSFORM_FIELDS - 1) / TRANSFORM_FIELDS;
    const size_t count = packs * TRANSFORM_FIELDS, tested = (packs + 3) / 4 * TRANSFORM_FIELDS;
    struct plan p;
    struct proposals r = {0};
    double *change = calloc(F * settings->knots, sizeof *change), *old = malloc(m->levels * F * sizeof *old);
    enum status status = plan_make(&p, settings, threads, m, e);
    if (status == STATUS_OK && (!change || !old))
        status = error_set(e, STATUS_FAILED, "out of memory for %zu coefficients", F * settings->knots);
    status = status ? status : make_room(&p, true, count, &r, e);
    status = status ? status : propose(&p, 0, threads, &r, interrupted, e);
    status = status ? status : drop_far(&p, &r, e);
    *result = (struct effective_refine_result){.left_out = r.count - r.kept};
    if (status == STATUS_OK && r.kept > 1)
        status = find_change(&p, &r, threads, change, e);
    proposals_release(&r);
    plan_release(&p);
    status = status ? status : spread(settings, count, tested, threads, m, &result->before, interrupted, e);
    if (status == STATUS_OK) {
        memcpy(old, m->coefficients, m->levels * F * sizeof *old);
        apply(m, settings->knots, change);
        status = spread(settings, count, tested, threads, m, &result->after, interrupted, e);
        result->taken = status == STATUS_OK && result->after < result->before;
        if (!result->taken)
            memcpy(m->coefficients, old, m->levels * F * sizeof *old);
    }
    free(change);
    free(old);
    return status;
}
