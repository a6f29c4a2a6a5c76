/* Stage `orient`: sign-flips configurations, using the symmetry phi -> -phi of the theory.
 *
 * In the broken phase on a large lattice the distribution has two parts, M > 0 and M < 0, which are sign-flipped copies
 * of each other and do not overlap. A model need not learn both. sign = positive makes training data of one phase,
 * whose fluctuations are nearly those of a Gaussian field about their mean. sign = random flips generated
 * configurations with probability one half, so that both phases have equal weight, as the symmetry demands. This is
 * exact for any distribution p(phi): the result has the distribution (p(phi) + p(-phi))/2.
 *
 * Artifact: phi float32 (N, x1..xd), kappa, lambda, chains, independent, thermalised, as for the stage `ensemble`. */
#include <stdlib.h>

#include "base/random.h"
#include "base/sum.h"
#include "stages/arrays.h"
#include "stages/fields.h"
#include "stages/shared_parameters.h"
#include "stages/stage.h"

static const struct parameter parameters[] = {
    {.name = "sign",
     .type = PARAMETER_CHOICE,
     .choices = "positive|random",
     .help = "positive: configurations with a negative mean field are sign-flipped; random: each is sign-flipped "
             "with probability one half."},
    PARAMETER_SEED("Seed of the random signs."),
};

static const struct stage_input inputs[] = {
    {.name = "fields",
     .stages = "ensemble|import|sample|orient",
     .required = true,
     .many = false,
     .help = "The configurations to sign-flip."},
};

static void turn(const float *from, size_t volume, bool over, float *to) {
    for (size_t x = 0; x < volume; x++) {
        to[x] = over ? -from[x] : from[x];
    }
}

/* Fills `to` (configurations, volume); row: (volume) doubles of workspace. Returns how many were sign-flipped. */
static size_t flip_all(const struct fields *fields, size_t volume, const struct parameters *p, double *row, float *to) {
    const bool random = parameters_is(p, "sign", "random");
    const struct random_key key = random_key((uint64_t)parameters_integer(p, "seed"), "orient", "sign");
    const float *from = fields->phi->data;
    size_t turned = 0;
    for (size_t i = 0; i < fields->configurations; i++) {
        bool over;
        if (random) {
            double uniform;
            random_uniform(key, i, 0, &uniform, 1);
            over = uniform < 0.5;
        } else {
            for (size_t x = 0; x < volume; x++) {
                row[x] = (double)from[i * volume + x];
            }
            over = sum_tree(row, volume) < 0.0;
        }
        turn(from + i * volume, volume, over, to + i * volume);
        turned += over;
    }
    return turned;
}

static enum status run(struct stage_context *c, struct error *e) {
    struct fields fields;
    TRY(fields_read(stage_input(c, "fields", 0), &fields, e));
    if (fields.phi->type != NPZ_FLOAT32) {
        return error_set(e, STATUS_BAD_INPUT, "%s: phi is float64, expected float32", fields.path);
    }
    enum status status = STATUS_OK;
    const size_t volume = fields.phi->count / fields.configurations;
    float *phi = malloc(fields.phi->count * sizeof *phi);
    double *row = malloc(volume * sizeof *row);
    struct npz_writer *w = NULL;
    if (phi == NULL || row == NULL) {
        status = error_set(e, STATUS_FAILED, "orient: out of memory for %zu configurations", fields.configurations);
    }
    if (status == STATUS_OK) {
        stage_note_value(c, "turned", (double)flip_all(&fields, volume, c->parameters, row, phi), NAN,
                         "configurations");
        status = stage_artifact(c, &w, e);
    }
    free(row);
    if (status != STATUS_OK) {
        free(phi);
        return status;
    }
    status = npz_add_owned(w, "phi", NPZ_FLOAT32, fields.dimensions + 1, fields.phi->shape, phi, e);
    THEN(status, header_add(w, &fields.header, e));
    return status;
}

static const struct stage_array arrays[] = {
    ARRAYS_FIELD,
};

static const char *const outputs[] = {"artifact.npz", NULL};

const struct stage stage_orient = {
    .name = "orient",
    .summary = "sign-flips configurations by the symmetry phi -> -phi: all to one phase, or at random",
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
};
