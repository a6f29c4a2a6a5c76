/* Denoising score matching (A 3.4) with Adam: minimises
 *     E_t E_z | s(t) s_theta(phi0 + s(t) z, t) + z |^2     (sum over sites, mean over configurations).
 *
 * Determinism: the order, the times and the noise of an epoch are Philox numbers of (seed, epoch, position in the
 * epoch). A gradient is the sum over micro-batches of SCORE_BATCH configurations, each computed by one thread, added in
 * a fixed tree. So bits depend neither on the number of threads nor on interruptions. */
#ifndef DMSQ_DIFFUSION_TRAINING_H
#define DMSQ_DIFFUSION_TRAINING_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/progress.h"
#include "score/score.h"

struct training_settings {
    uint64_t seed;
    int64_t epochs, batch; /* the last batch of an epoch may be smaller */
    double learning_rate;
    bool cosine;         /* the rate falls to learning_rate/100 along half a period of a cosine */
    double ema;          /* decay of the running average of the weights, which is the result; at step n at most
                              (1+n)/(10+n); 0: no average */
    bool log_noise;      /* noise levels uniform in log s(t) instead of uniform in t */
    double t_min;        /* times lie in [t_min, 1] */
    const int64_t *keep; /* epochs, ascending, after which the weights are stored as well */
    size_t keep_count;
    bool flip; /* Z2 augmentation: every configuration gets a new random sign in every epoch */
};

struct training;

/* Sets up the training of model->weights, which have the starting values, on fields (count, volume) in scaled units.
 * Model and fields must outlive the training. STATUS_FAILED: out of memory. */
enum status training_new(struct score_model *model, const float *fields, size_t count,
                         const struct training_settings *settings, int threads, struct training **training,
                         struct error *e);
void training_free(struct training *t);

/* Saves and restores everything that the next epoch depends on. key: that of the recipe. STATUS_BAD_INPUT: the file is
 * of another recipe or arithmetic (checkpoint.h). */
enum status training_save(const struct training *t, const char *path, const char *key, struct error *e);
enum status training_restore(struct training *t, const char *path, const char *key, struct error *e);

/* Trains to the end. If checkpoint is not NULL, saves there, so rarely that saving takes less than about 5% of the
 * time. STATUS_FAILED: a loss is not finite, or *interrupted became nonzero ("interrupted ..."). The epochs since the
 * last checkpoint are then repeated by the next run, with the same bits. */
enum status training_run(struct training *t, const char *checkpoint, const char *key,
                         const volatile sig_atomic_t *interrupted, struct progress *progress, struct error *e);

int64_t training_epoch(const struct training *t);      /* number of finished epochs */
const double *training_loss(const struct training *t); /* of each epoch: mean over its batches, with equal weights */
/* Median time in seconds of the epochs of training_run(), without checkpoints; 0 if there was none. */
double training_epoch_seconds(const struct training *t);
/* The weights that would have been the result after the epochs of settings.keep, (keep_count, model->weight_count);
 * complete at the end of the training. */
const float *training_kept(const struct training *t);
/* Copies the result, the running average if there is one, to model->weights. */
void training_finish(struct training *t);

/* Makes one optimisation step on the batch at `first` of the current epoch's order, for the benchmark. */
enum status training_step(struct training *t, size_t first, double *loss, struct error *e);

#endif
