/* Stage `potential`: the running effective potential of a model, the integral of its score over constant fields,
 *
 *   U_s(M) = -int (1/V) sum_x s_x(phi = M') dM'   from M' = 0 to M; for a model of one phase, from the phase's mean
 *
 * with s_x the score at noise level s and site x of the field that is M' at every site. U_s is -log p_s of a constant
 * noisy field per site, up to a constant; for s -> 0 it is the action of a constant field per site. It is the field
 * theory's counterpart of the flow of the toy theory's action (B Fig. 2): the noise is the regulator, and U_s the local
 * potential of the effective action at that scale (A Sec. 3.3). A model of one phase gives U_s(M) of that phase for
 * M > 0 and its mirror image for M < 0; in a mixture of both phases the lower of the two dominates when V is large.
 * Such a model is fitted near its mean; towards M = 0 its bounded features only extrapolate.
 *
 * Artifact: vectors of one length (levels x points), for `plot`; see arrays. */
#include <math.h>
#include <stdlib.h>

#include "lattice/theory.h"
#include "score/schedule.h"
#include "score/score.h"
#include "stages/stage.h"

static const struct parameter parameters[] = {
    {.name = "levels",
     .type = PARAMETER_REALS,
     .default_value = "0.1,0.3,0.5,0.7,1,1.4,2,3",
     .minimum = 1e-3,
     .maximum = 1e4,
     .help = "Noise levels s, in the units of the field."},
    {.name = "range",
     .type = PARAMETER_REAL,
     .default_value = "2",
     .minimum = 0.01,
     .maximum = 1000,
     .help = "Constant fields go from -range to range."},
    {.name = "points",
     .type = PARAMETER_INTEGER,
     .default_value = "121",
     .minimum = 11,
     .maximum = 100001,
     .help = "Number of constant fields, odd, so that one of them is 0."},
};

static const struct stage_input inputs[] = {
    {"model", "train|checkpoint", true, false, "The score model."},
};

static const struct stage_array arrays[] = {
    {"s", NPZ_FLOAT64, "levels x points", "lattice units", "Noise level."},
    {"M", NPZ_FLOAT64, "levels x points", "lattice units", "The constant field."},
    {"potential", NPZ_FLOAT64, "levels x points", "",
     "U_s(M), 0 at M = 0; for a model of one phase, 0 at the point next to the phase's mean."},
    {"gaussian", NPZ_FLOAT64, "levels x points", "",
     "Potential of a Gaussian field with the same propagator, M^2/(2 (G(0) + s^2))."},
    {"action", NPZ_FLOAT64, "levels x points", "",
     "The action of the constant field per site, 0 where the potential is 0."},
};

static const char *const outputs[] = {"artifact.npz", NULL};

static enum status check(const struct parameters *p, const char *where, struct error *e) {
    size_t count;
    parameters_reals(p, "levels", &count);
    if (count == 0) {
        return error_set(e, STATUS_BAD_INPUT, "%s: parameter levels: found none, expected at least one", where);
    }
    if (parameters_integer(p, "points") % 2 == 0) {
        return error_set(e, STATUS_BAD_INPUT, "%s: parameter points: found %lld, expected an odd number", where,
                         (long long)parameters_integer(p, "points"));
    }
    return STATUS_OK;
}

/* Buffers for one call of the model. */
struct batch {
    float *phi, *out;
    double *t;
    size_t size;
};

/* Mean over the sites of the score of constant fields x[n], in the units of the field. A model of one phase is defined
 * for M > 0, so it is evaluated at |x|. */
static enum status score_of(struct score_worker *worker, const struct score_model *m, double s, size_t n,
                            const double *x, const struct batch *batch, double *score, struct error *e) {
    const size_t V = m->volume;
    const double noise = s * m->factor, t = schedule_time(m->sigma, noise);
    for (size_t at = 0; at < n; at += batch->size) {
        const size_t count = n - at < batch->size ? n - at : batch->size;
        for (size_t b = 0; b < count; b++) {
            const double field = m->one_phase ? fabs(x[at + b]) : x[at + b];
            for (size_t i = 0; i < V; i++) {
                batch->phi[b * V + i] = (float)((field - m->offset) * m->factor);
            }
            batch->t[b] = t;
        }
        TRY(score_evaluate(worker, (int)count, batch->phi, batch->t, batch->out, e));
        for (size_t b = 0; b < count; b++) {
            double sum = 0;
            for (size_t i = 0; i < V; i++) {
                sum += (double)batch->out[b * V + i];
            }
            score[at + b] = sum / (double)V / noise * m->factor;
        }
    }
    return STATUS_OK;
}

/* Integrates by the trapezoidal rule from the middle point, where the potential is 0, outwards. */
static void integrate(size_t n, double h, const double *score, double *potential) {
    const size_t middle = n / 2;
    potential[middle] = 0;
    for (size_t i = middle + 1; i < n; i++) {
        potential[i] = potential[i - 1] - 0.5 * h * (score[i] + score[i - 1]);
    }
    for (size_t i = middle; i-- > 0;) {
        potential[i] = potential[i + 1] + 0.5 * h * (score[i] + score[i + 1]);
    }
}

enum { S, M, POTENTIAL, GAUSSIAN, ACTION, COLUMNS };

static enum status fill(const struct parameters *p, const struct score_model *m, struct score_worker *worker,
                        double *column[COLUMNS], struct error *e) {
    size_t levels;
    const double *level = parameters_reals(p, "levels", &levels), range = parameters_real(p, "range");
    const size_t points = (size_t)parameters_integer(p, "points"), size = score_batch(m), V = m->volume;
    const double h = 2 * range / (double)(points - 1);
    const struct theory theory = m->theory;
    double zero_mode = m->propagator ? m->propagator[0] / (m->factor * m->factor) : 0;
    struct batch batch = {malloc(size * V * sizeof(float)), malloc(size * V * sizeof(float)),
                          malloc(size * sizeof(double)), size};
    double *score = malloc(points * sizeof *score);
    enum status status = batch.phi && batch.out && batch.t && score
                             ? STATUS_OK
                             : error_set(e, STATUS_FAILED, "out of memory for %zu fields of %zu sites", size, V);
    for (size_t k = 0; k < levels && status == STATUS_OK; k++) {
        double *at[COLUMNS];
        for (int i = 0; i < COLUMNS; i++) {
            at[i] = column[i] + k * points;
        }
        for (size_t i = 0; i < points; i++) {
            const double x = h * ((double)i - (double)(points / 2)), square = x * x;
            at[S][i] = level[k];
            at[M][i] = x;
            at[GAUSSIAN][i] = square / (2 * (zero_mode + level[k] * level[k]));
            at[ACTION][i] = theory_action(&theory, (double)m->dimensions * square, square, square * square);
        }
        status = score_of(worker, m, level[k], points, at[M], &batch, score, e);
        if (status == STATUS_OK) {
            integrate(points, h, score, at[POTENTIAL]);
        }
        for (size_t i = 0; i < points / 2 && m->one_phase; i++) { /* the score of |M| jumps at M = 0 */
            at[POTENTIAL][i] = at[POTENTIAL][points - 1 - i];
        }
        const size_t origin = points / 2 + (m->one_phase ? (size_t)fmin(m->offset / h + 0.5, (double)(points / 2)) : 0);
        const double zero[2] = {at[POTENTIAL][origin], at[ACTION][origin]};
        for (size_t i = 0; i < points; i++) {
            at[POTENTIAL][i] -= zero[0];
            at[ACTION][i] -= zero[1];
        }
    }
    free(score);
    free(batch.phi);
    free(batch.out);
    free(batch.t);
    return status;
}

static enum status run(struct stage_context *c, struct error *e) {
    static const char *const names[COLUMNS] = {"s", "M", "potential", "gaussian", "action"};
    const struct parameters *p = c->parameters;
    struct score_model m;
    struct score *score = NULL;
    struct score_worker *worker = NULL;
    struct npz_writer *writer = NULL;
    double *column[COLUMNS] = {NULL};
    size_t levels;
    parameters_reals(p, "levels", &levels);
    const size_t rows = levels * (size_t)parameters_integer(p, "points");
    TRY(score_model_read(stage_input(c, "model", 0), &m, e));
    enum status status = STATUS_OK;
    for (int i = 0; i < COLUMNS && status == STATUS_OK; i++) {
        if (!(column[i] = calloc(rows, sizeof *column[i]))) {
            status = error_set(e, STATUS_FAILED, "out of memory for %zu points", rows);
        }
    }
    THEN(status, score_new(&m, score_batch(&m), &score, e));
    THEN(status, score_worker_new(score, &worker, e));
    THEN(status, fill(p, &m, worker, column, e));
    THEN(status, stage_artifact(c, &writer, e));
    for (int i = 0; i < COLUMNS; i++) {
        if (status == STATUS_OK) {
            status = npz_add_owned(writer, names[i], NPZ_FLOAT64, 1, &rows, column[i], e);
        } else {
            free(column[i]);
        }
    }
    score_worker_free(worker);
    score_free(score);
    score_model_release(&m);
    return status;
}

const struct stage stage_potential = {
    .name = "potential",
    .summary = "running effective potential: the score of constant fields, integrated",
    .version = 1,
    .uses_backend = false,
    .parameters = parameters,
    .parameter_count = sizeof parameters / sizeof parameters[0],
    .inputs = inputs,
    .input_count = sizeof inputs / sizeof inputs[0],
    .arrays = arrays,
    .array_count = sizeof arrays / sizeof arrays[0],
    .outputs = outputs,
    .run = run,
    .check = check,
};
