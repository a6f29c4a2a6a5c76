/* Stage `train`: trains or fits a score model to an ensemble.
 *
 * Artifact: the model (score/score_model.c); for models trained by gradient descent also
 *   loss            (epochs) denoising loss, mean over the batches of an epoch with equal weights
 *   kept.epochs, kept.weights   (K), (K, all trainable parameters in the order of network/unet.h): the parameter
 *                   keep-epochs and the weights after these epochs, from which the stage `checkpoint` makes models
 * and for all models except the Gaussian one
 *   excess.sigma, excess.loss, excess.wiener, excess.excess, excess.error   (levels) see diffusion/excess.h; measured
 *                   on the validation ensemble if there is one, else on the training set. */
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/progress.h"
#include "diffusion/excess.h"
#include "diffusion/training.h"
#include "lattice/propagator.h"
#include "score/kinds.h"
#include "stages/arrays.h"
#include "stages/continuation.h"
#include "stages/excess_arrays.h"
#include "stages/shared_parameters.h"
#include "stages/stage.h"

static const struct parameter parameters[] = {
    {.name = "network",
     .type = PARAMETER_CHOICE,
     .default_value = "unet",
     .choices = SCORE_KIND_CHOICES,
     .help = SCORE_KIND_HELP},
    SCORE_KIND_PARAMETERS,
    PARAMETER_SIGMA,
    {.name = "scaling",
     .type = PARAMETER_CHOICE,
     .default_value = "none",
     .choices = "none|std|minmax",
     .help = "Scaling of the fields before training, undone after sampling. std: to unit variance; minmax: the extreme "
             "values to -1 and 1, as in the authors' code."},
    {.name = "propagator",
     .type = PARAMETER_CHOICE,
     .default_value = "kind",
     .choices = "kind|measured|smoothed",
     .later = true,
     .help =
         "Propagator G(p) of the model. measured: that of the training set, with its statistical noise; smoothed: "
         "1/G is fitted by a few terms in lattice momenta above smooth-above (lattice/propagator.h); kind: smoothed "
         "for effective-action, measured for "
         "others."},
    {.name = "smooth-above",
     .type = PARAMETER_REAL,
     .default_value = "0.3",
     .minimum = -1,
     .maximum = 100,
     .later = true,
     .help = "For a smoothed propagator: square of the lattice momentum up to which the measured values are kept; "
             "below 0: all values are fitted, which suits short correlation lengths."},
    {.name = "noise-levels",
     .type = PARAMETER_CHOICE,
     .default_value = "uniform-t",
     .choices = "uniform-t|log-s",
     .help = "Distribution of the noise levels in training: uniform in t on [t-min, 1] (A Sec. 4.1), or in log s(t)."},
    {.name = "t-min",
     .type = PARAMETER_REAL,
     .default_value = "1e-5",
     .minimum = 1e-10,
     .maximum = 0.5,
     .help = "Smallest time in training."},
    {.name = "epochs",
     .type = PARAMETER_INTEGER,
     .default_value = "250",
     .minimum = 1,
     .maximum = 1000000,
     .help = "Number of passes over the training set."},
    {.name = "keep-epochs",
     .type = PARAMETER_INTEGERS,
     .default_value = "",
     .minimum = 1,
     .maximum = 1000000,
     .help = "Epochs, ascending, after which the weights are stored as well, for the stage checkpoint; each takes 4 "
             "bytes per trainable parameter."},
    {.name = "batch",
     .type = PARAMETER_INTEGER,
     .default_value = "64",
     .minimum = 1,
     .maximum = 65536,
     .unit = "configurations",
     .help = "Configurations per optimisation step."},
    {.name = "learning-rate",
     .type = PARAMETER_REAL,
     .default_value = "1e-3",
     .minimum = 1e-12,
     .maximum = 10,
     .help = "Step size of Adam."},
    {.name = "learning-rate-decay",
     .type = PARAMETER_CHOICE,
     .default_value = "none",
     .choices = "none|cosine",
     .help = "cosine: the step size falls to a hundredth along half a period of a cosine over the whole training."},
    {.name = "ema",
     .type = PARAMETER_REAL,
     .default_value = "0",
     .minimum = 0,
     .maximum = 0.999999,
     .help = "Decay of the running average of the weights, which is the result; at step n it is at most (1+n)/(10+n). "
             "0: the last weights are the result."},
    {.name = "flip",
     .type = PARAMETER_FLAG,
     .default_value = "no",
     .help = "Z2 augmentation: the sign of every configuration is redrawn in every epoch (A App. C)."},
    {.name = "excess-levels",
     .type = PARAMETER_INTEGER,
     .default_value = "16",
     .minimum = 2,
     .maximum = 1000,
     .help = "Noise levels at which the loss is compared with that of the Wiener filter."},
    PARAMETER_SEED("Seed of weights, shuffling, times and noise."),
};

static const struct stage_input inputs[] = {
    {"training", "ensemble|import|orient|toy|dm-mcmc", true, false, "The training configurations."},
    {"validation", "ensemble|import|orient|toy|dm-mcmc", false, false,
     "Configurations for the excess loss, of the same theory and lattice."},
    {"transfer", "train", false, false,
     "A model of the same theory on another lattice, whose coefficients are kept, "
     "except those of the zero mode, which are fitted (effective-action)."},
};

static const struct stage_array arrays[] = {
    ARRAYS_MODEL,
    {"loss", NPZ_FLOAT64, "epochs", "",
     "Denoising loss of the training, mean over the batches of an epoch; for models trained by gradients."},
    {"kept.epochs", NPZ_INT64, "K", "", "The epochs of parameter keep-epochs."},
    {"kept.weights", NPZ_FLOAT32, "K, weights", "",
     "All trainable parameters after these epochs, in the order of network/unet.h, for the stage checkpoint."},
    ARRAYS_EXCESS(", on the validation set if there is one; not for a Gaussian model"),
};

static const char *const outputs[] = {"artifact.npz", NULL};

static struct training_settings settings_of(const struct parameters *p) {
    size_t keep_count;
    const int64_t *keep = parameters_integers(p, "keep-epochs", &keep_count);
    return (struct training_settings){.keep = keep,
                                      .keep_count = keep_count,
                                      .seed = (uint64_t)parameters_integer(p, "seed"),
                                      .epochs = parameters_integer(p, "epochs"),
                                      .batch = parameters_integer(p, "batch"),
                                      .learning_rate = parameters_real(p, "learning-rate"),
                                      .cosine = parameters_is(p, "learning-rate-decay", "cosine"),
                                      .ema = parameters_real(p, "ema"),
                                      .log_noise = parameters_is(p, "noise-levels", "log-s"),
                                      .t_min = parameters_real(p, "t-min"),
                                      .flip = parameters_flag(p, "flip")};
}

static enum status add_kept(const struct training_settings *settings, const float *kept, size_t weights,
                            struct npz_writer *writer, struct error *e) {
    const size_t shape[2] = {settings->keep_count, weights}, count = shape[0] * shape[1];
    if (count == 0) {
        return STATUS_OK;
    }
    int64_t *epochs = malloc(shape[0] * sizeof *epochs);
    float *copy = malloc(count * sizeof *copy);
    if (!epochs || !copy) {
        free(epochs);
        free(copy);
        return error_set(e, STATUS_FAILED, "out of memory for the weights of %zu epochs", shape[0]);
    }
    memcpy(epochs, settings->keep, shape[0] * sizeof *epochs);
    memcpy(copy, kept, count * sizeof *copy);
    enum status status = npz_add_owned(writer, "kept.epochs", NPZ_INT64, 1, shape, epochs, e);
    if (status != STATUS_OK) {
        free(copy);
        return status;
    }
    return npz_add_owned(writer, "kept.weights", NPZ_FLOAT32, 2, shape, copy, e);
}

/* Resumes from the checkpoint in the output folder if there is one, or else from a shorter training. */
static enum status resume(struct stage_context *c, struct training *training, const char *checkpoint, bool longer,
                          struct error *e) {
    if (access(checkpoint, F_OK) != 0) {
        return longer ? continuation_restore(c, training, e) : STATUS_OK;
    }
    if (training_restore(training, checkpoint, c->key, e) != STATUS_OK) {
        return error_prefix(e, "cannot resume; remove the checkpoint to start again");
    }
    stage_note_value(c, "resumed_after", (double)training_epoch(training), NAN, "epochs");
    return STATUS_OK;
}

/* Trains m on fields. With a learning rate that does not depend on the number of epochs, keeps the state at the end,
 * from which a longer training continues. */
static enum status optimise(struct stage_context *c, struct score_model *m, const float *fields, size_t count,
                            struct npz_writer *writer, struct error *e) {
    const struct training_settings settings = settings_of(c->parameters);
    char checkpoint[PATH_MAX];
    if (snprintf(checkpoint, sizeof checkpoint, "%s/checkpoint.npz", c->folder) >= (int)sizeof checkpoint) {
        return error_set(e, STATUS_BAD_INPUT, "%s: path too long", c->folder);
    }
    struct training *training;
    TRY(training_new(m, fields, count, &settings, c->threads, &training, e));
    enum status status = resume(c, training, checkpoint, !settings.cosine, e);
    if (status == STATUS_OK) {
        struct progress *progress = progress_new("train", "epochs", (uint64_t)settings.epochs, c->quiet);
        status = training_run(training, checkpoint, c->key, c->interrupted, progress, e);
        progress_end(progress);
    }
    if (status == STATUS_OK && !settings.cosine) {
        status = continuation_save(c, training, e);
    }
    if (status == STATUS_OK) {
        const size_t epochs = (size_t)settings.epochs;
        if (training_epoch_seconds(training) > 0) {
            stage_note_value(c, "epoch_seconds", training_epoch_seconds(training), NAN, "s");
        }
        /* The loss is a sum over sites; a score of zero has a loss of 1 per site. */
        const double loss = training_loss(training)[epochs - 1], zero = (double)m->volume;
        stage_note_value(c, "loss", loss, NAN, "");
        if (loss > 2 * zero) {
            stage_note(c, "training", "DIVERGED: the loss is %.4g in the last epoch, a score of zero would have %g",
                       loss, zero);
            fprintf(
                stderr,
                "train: warning: the loss is %.4g in the last epoch, a score of zero would have %g: is learning-rate = "
                "%g too large?\n",
                loss, zero, settings.learning_rate);
        }
        status = npz_add_reals(writer, "loss", training_loss(training), epochs, e);
        THEN(status, add_kept(&settings, training_kept(training), m->weight_count, writer, e));
        training_finish(training);
    }
    training_free(training);
    return status;
}

static enum status add_excess(struct stage_context *c, const struct score_model *m, const float *fields, size_t count,
                              struct npz_writer *writer, struct error *e) {
    enum { MOST = 1024 }; /* configurations, for errors of a few per cent of the excess */
    const struct parameters *p = c->parameters;
    struct excess x;
    TRY(excess_measure(m, fields, count < MOST ? count : MOST, (size_t)parameters_integer(p, "excess-levels"),
                       parameters_real(p, "t-min"), (uint64_t)parameters_integer(p, "seed"), c->threads, &x, e));
    const enum status status = excess_add(&x, writer, e);
    excess_release(&x);
    return status;
}

/* Reads the fields of a validation ensemble, which must have the theory and lattice of the model. */
static enum status read_validation(const struct npz *ensemble, const struct score_model *m, float **fields,
                                   size_t *count, struct error *e) {
    struct score_model other = {0};
    enum status status = dataset_describe(ensemble, DATASET_NONE, &other, e);
    THEN(status, theory_same(&m->theory, &other.theory, npz_path(ensemble), "the training set", e));
    THEN(status, dataset_fields(ensemble, m, fields, count, e));
    return status;
}

static enum status refuse_transfer(const struct score_kind *kind, const char *where, struct error *e) {
    return error_set(e, STATUS_BAD_INPUT,
                     "%s: input transfer found with network = %s, expected only for network = effective-action", where,
                     kind->name);
}

static enum status fit(struct stage_context *c, struct score_model *m, const float *fields, size_t count,
                       struct error *e) {
    const struct npz *npz = stage_input(c, "transfer", 0);
    struct score_model other = {0};
    enum status status = npz ? score_model_read(npz, &other, e) : STATUS_OK;
    if (status == STATUS_OK && npz && other.kind != m->kind) {
        status = error_set(e, STATUS_BAD_INPUT, "%s: model of kind %s found, expected %s", npz_path(npz),
                           other.kind->name, m->kind->name);
    }
    const struct score_fit fit = {c->parameters,      fields, count, c->threads, c->interrupted, c->quiet,
                                  npz ? &other : NULL};
    THEN(status, m->kind->fit(m, &fit, e));
    if (npz) {
        score_model_release(&other);
    }
    return status;
}

static enum status smooth(struct stage_context *c, struct score_model *m, struct error *e) {
    const struct parameters *p = c->parameters;
    if (parameters_is(p, "propagator", "measured") || (parameters_is(p, "propagator", "kind") && !m->kind->smooth)) {
        return STATUS_OK;
    }
    struct fourier *fourier;
    double residual;
    TRY(fourier_new(m->extents, m->dimensions, &fourier, e));
    enum status status = propagator_smooth(fourier, m->extents, m->dimensions, parameters_real(p, "smooth-above"),
                                           m->propagator, &residual, e);
    fourier_free(fourier);
    if (status == STATUS_OK) {
        stage_note_value(c, "propagator_residual", residual, NAN, "");
    }
    return status;
}

/* Reads the training set and, if given, the validation set, and sets up m for the training set. */
static enum status read_fields(struct stage_context *c, struct score_model *m, float *fields[2], size_t count[2],
                               struct error *e) {
    const struct parameters *p = c->parameters;
    const struct npz *training = stage_input(c, "training", 0), *validation = stage_input(c, "validation", 0);
    static const char *const scaling_name[] = {
        [DATASET_NONE] = "none", [DATASET_STD] = "std", [DATASET_MINMAX] = "minmax"};
    enum dataset_scaling scaling = (enum dataset_scaling)PARAMETERS_WORD(p, "scaling", scaling_name);
    if (m->kind->treatment) {
        m->kind->treatment(p, &scaling, &m->one_phase);
    }
    enum status status = dataset_describe(training, scaling, m, e);
    if (status == STATUS_OK && m->kind->suits) {
        status = m->kind->suits(p, m->dimensions, m->extents, e);
    }
    THEN(status, dataset_fields(training, m, &fields[0], &count[0], e));
    if (status == STATUS_OK && validation) { /* before the training, so that errors are reported at once */
        status = read_validation(validation, m, &fields[1], &count[1], e);
    }
    THEN(status, dataset_propagator(fields[0], count[0], c->threads, m, e));
    THEN(status, smooth(c, m, e));
    return status;
}

/* Checks that no validation configuration is in the training set, since the model could have memorised it. Fields with
 * few sites are not checked, because they may be equal by chance. */
static enum status check_independence(const struct stage_context *c, const float *const fields[2],
                                      const size_t count[2], size_t volume, struct error *e) {
    enum { FEWEST_SITES = 4 };
    for (size_t i = 0; volume >= FEWEST_SITES && i < count[1]; i++) {
        for (size_t j = 0; j < count[0]; j++) {
            const float *a = fields[1] + i * volume, *b = fields[0] + j * volume;
            if (a[0] == b[0] && a[1] == b[1] && memcmp(a, b, volume * sizeof *a) == 0) {
                return error_set(e, STATUS_BAD_INPUT,
                                 "%s: configuration %zu is configuration %zu of the training set; expected a set with "
                                 "another seed",
                                 npz_path(stage_input(c, "validation", 0)), i, j);
            }
        }
    }
    return STATUS_OK;
}

static enum status run(struct stage_context *c, struct error *e) {
    struct score_model m = {.kind = score_kind_find(parameters_text(c->parameters, "network")),
                            .sigma = parameters_real(c->parameters, "sigma")};
    float *fields[2] = {NULL, NULL};
    size_t count[2] = {0, 0};
    struct npz_writer *writer = NULL;
    enum status status = backend_attach(c->device, &m, e);
    if (status == STATUS_OK && stage_input(c, "transfer", 0) && !m.kind->transfers) {
        status = refuse_transfer(m.kind, "train", e);
    }
    THEN(status, read_fields(c, &m, fields, count, e));
    THEN(status, check_independence(c, (const float *const[2]){fields[0], fields[1]}, count, m.volume, e));
    if (status == STATUS_OK && m.kind->prepare) {
        status = m.kind->prepare(&m, c->parameters, e);
    }
    THEN(status, stage_artifact(c, &writer, e));
    if (status == STATUS_OK && m.kind->fit) {
        status = fit(c, &m, fields[0], count[0], e);
    }
    if (status == STATUS_OK && score_model_trained(&m)) {
        status = optimise(c, &m, fields[0], count[0], writer, e);
    }
    if (status == STATUS_OK && m.kind->trained) {
        m.kind->trained(&m);
    }
    const int which = fields[1] ? 1 : 0;
    if (status == STATUS_OK && m.kind->excess) {
        status = add_excess(c, &m, fields[which], count[which], writer, e);
    }
    THEN(status, score_model_add(&m, writer, e));
    free(fields[0]);
    free(fields[1]);
    score_model_release(&m);
    return status;
}

static enum status check(const struct parameters *p, const char *where, struct error *e) {
    size_t keep_count;
    const int64_t *keep = parameters_integers(p, "keep-epochs", &keep_count);
    for (size_t i = 0; i < keep_count; i++) {
        if (keep[i] > parameters_integer(p, "epochs") || (i > 0 && keep[i] <= keep[i - 1])) {
            return error_set(e, STATUS_BAD_INPUT,
                             "%s: keep-epochs has %lld, expected ascending numbers up to epochs = %lld", where,
                             (long long)keep[i], (long long)parameters_integer(p, "epochs"));
        }
    }
    const struct score_kind *kind = score_kind_find(parameters_text(p, "network"));
    return kind->check ? kind->check(p, where, e) : STATUS_OK;
}

/* The lattice of the configurations of a node, from its parameters or those of its inputs; false if it is known only
 * after the node is computed. */
static bool lattice_of(const struct stage_node *node, size_t *dimensions, const int64_t **lattice) {
    for (const struct stage_node *next; node; node = next) {
        for (size_t i = 0; i < node->stage->parameter_count; i++) {
            if (strcmp(node->stage->parameters[i].name, "lattice") == 0) {
                *lattice = parameters_integers(node->parameters, "lattice", dimensions);
                return *dimensions > 0;
            }
        }
        next = node->stage->input_count > 0 ? node->input(node, node->stage->inputs[0].name, 0) : NULL;
    }
    return false;
}

static enum status check_node(const struct stage_node *node, const char *where, struct error *e) {
    const struct score_kind *kind = score_kind_find(parameters_text(node->parameters, "network"));
    const struct stage_node *validation = node->input(node, "validation", 0);
    size_t dimensions, others, extents[NPZ_MAX_DIMENSIONS];
    const int64_t *lattice, *other;
    if (node->input(node, "transfer", 0) && !kind->transfers) {
        return refuse_transfer(kind, where, e);
    }
    if (!lattice_of(node->input(node, "training", 0), &dimensions, &lattice) || dimensions > NPZ_MAX_DIMENSIONS) {
        return STATUS_OK;
    }
    for (size_t mu = 0; mu < dimensions; mu++) {
        extents[mu] = (size_t)lattice[mu];
    }
    if (kind->suits && kind->suits(node->parameters, dimensions, extents, e) != STATUS_OK) {
        return error_prefix(e, "%s", where);
    }
    if (validation && lattice_of(validation, &others, &other) &&
        (others != dimensions || memcmp(lattice, other, dimensions * sizeof *lattice) != 0)) {
        return error_set(e, STATUS_BAD_INPUT,
                         "%s: the validation set has another lattice than the training set, expected the same", where);
    }
    return STATUS_OK;
}

/* Version 4 changed the refinement of the effective-action model. */
static int version_of(const struct parameters *p) {
    return parameters_is(p, "network", "effective-action") ? 4 : 3;
}

const struct stage stage_train = {
    .name = "train",
    .summary = "score model by denoising score matching, or the Gaussian model of the measured propagator",
    .version = 4,
    .version_of = version_of,
    .uses_backend = true,
    .parameters = parameters,
    .parameter_count = sizeof parameters / sizeof parameters[0],
    .inputs = inputs,
    .input_count = sizeof inputs / sizeof inputs[0],
    .arrays = arrays,
    .array_count = sizeof arrays / sizeof arrays[0],
    .outputs = outputs,
    .run = run,
    .check = check,
    .check_node = check_node,
};
