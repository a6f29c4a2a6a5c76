/* Stage `excess-loss`: the excess of a score model on a set of configurations (diffusion/excess.h), its denoising loss
 * minus that of the Wiener filter. On its training set and on another one of the same theory it shows what a network
 * has learned by heart.
 *
 * Artifact: excess.sigma, excess.loss, excess.wiener, excess.excess, excess.error   (levels)
 *           nats, nats_error   integral over ln s */
#include <stdlib.h>

#include "score/dataset.h"
#include "stages/arrays.h"
#include "stages/excess_arrays.h"
#include "stages/shared_parameters.h"
#include "stages/stage.h"

static const struct parameter parameters[] = {
    {.name = "configurations",
     .type = PARAMETER_INTEGER,
     .default_value = "1024",
     .minimum = 2,
     .maximum = 1e9,
     .unit = "configurations",
     .help = "Number of configurations, from the first on; all if there are fewer."},
    {.name = "levels",
     .type = PARAMETER_INTEGER,
     .default_value = "16",
     .minimum = 2,
     .maximum = 1000,
     .help = "Noise levels, equally spaced in ln s."},
    {.name = "t-min",
     .type = PARAMETER_REAL,
     .default_value = "1e-5",
     .minimum = 1e-10,
     .maximum = 0.5,
     .help = "Time of the smallest noise level; the largest is that of t = 1."},
    PARAMETER_SEED("Seed of the noise."),
};

static const struct stage_input inputs[] = {
    {"model", "train|checkpoint", true, false, "The score model."},
    {"fields", "ensemble|import|orient|toy|dm-mcmc", true, false, "Configurations of the same theory and lattice."},
};

static const struct stage_array arrays[] = {
    ARRAYS_EXCESS(""),
    {"nats", NPZ_FLOAT64, "", "nats",
     "Integral of the excess over ln s. On configurations that the model has not seen it is the Kullback-Leibler "
     "divergence of the model from their distribution, minus that of a Gaussian field with the model's propagator."},
    {"nats_error", NPZ_FLOAT64, "", "nats", "Its standard error over configurations."},
};

static const char *const outputs[] = {"artifact.npz", NULL};

static enum status measure(struct stage_context *c, const struct score_model *m, const float *fields, size_t count,
                           struct error *e) {
    const struct parameters *p = c->parameters;
    const size_t most = (size_t)parameters_integer(p, "configurations");
    struct npz_writer *writer;
    struct excess x;
    TRY(excess_measure(m, fields, count < most ? count : most, (size_t)parameters_integer(p, "levels"),
                       parameters_real(p, "t-min"), (uint64_t)parameters_integer(p, "seed"), c->threads, &x, e));
    enum status status = stage_artifact(c, &writer, e);
    THEN(status, npz_add_real(writer, "nats", x.nats, e));
    THEN(status, npz_add_real(writer, "nats_error", x.nats_error, e));
    THEN(status, excess_add(&x, writer, e));
    stage_note_value(c, "nats", x.nats, x.nats_error, "nats");
    excess_release(&x);
    return status;
}

static enum status run(struct stage_context *c, struct error *e) {
    const struct npz *fields = stage_input(c, "fields", 0);
    struct score_model m, other = {0};
    float *phi = NULL;
    size_t count;
    TRY(score_model_read(stage_input(c, "model", 0), &m, e));
    enum status status = backend_attach(c->device, &m, e);
    THEN(status, dataset_describe(fields, DATASET_NONE, &other, e));
    THEN(status, theory_same(&m.theory, &other.theory, npz_path(fields), "the model", e));
    THEN(status, dataset_fields(fields, &m, &phi, &count, e));
    THEN(status, measure(c, &m, phi, count, e));
    free(phi);
    score_model_release(&m);
    return status;
}

const struct stage stage_excess_loss = {
    .name = "excess-loss",
    .summary = "denoising loss of a score model relative to the Wiener filter's, on any configurations",
    .version = 1,
    .uses_backend = true,
    .parameters = parameters,
    .parameter_count = sizeof parameters / sizeof parameters[0],
    .inputs = inputs,
    .input_count = sizeof inputs / sizeof inputs[0],
    .arrays = arrays,
    .array_count = sizeof arrays / sizeof arrays[0],
    .outputs = outputs,
    .run = run,
};
