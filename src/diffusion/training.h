/* Denoising score matching (A 3.4) with Adam: minimises
 *     E_t E_z | s(t) s_theta(phi0 + s(t) z, t) + z |^2     (sum over sites, mean over configurations).
 *
 * Determinism: the shuffle, the times and the noise of an epoch are Philox numbers of (seed, epoch, place in
 * the epoch); a gradient is the sum over micro-batches of SCORE_BATCH configurations, each computed by one
 * thread, added in a fixed tree. So bits depend neither on the number of threads nor on interruptions.
 */
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
    bool cosine;         /* rate falls from learning_rate to 1/100 of it along half a cosine over the run */
    double ema;          /* decay of the running average of weights, at step n at most (1+n)/(10+n); 0: none;
                              the average is the result */
    bool log_noise;      /* noise levels uniform in log s(t) instead of uniform in t */
    double t_min;        /* times lie in [t_min, 1] */
    const int64_t *keep; /* epochs, ascending, after which the weights are kept as well */
    size_t keep_count;
    bool flip; /* Z2 augmentation: every configuration's sign is drawn anew in every epoch */
};

struct training;

/* Trains model->weights (which hold the starting weights) on fields (count x volume, already scaled; must
 * outlive the training). threads workers. */
enum status training_new(struct score_model *model, const float *fields, size_t count,
                         const struct training_settings *settings, int threads, struct training **training,
                         struct error *e);
void training_free(struct training *t);

/* Saves and restores everything that the next epoch depends on. `key` names the recipe; a file of another
 * recipe or arithmetic (checkpoint.h) is refused with STATUS_BAD_INPUT. */
enum status training_save(const struct training *t, const char *path, const char *key, struct error *e);
enum status training_restore(struct training *t, const char *path, const char *key, struct error *e);

/* Trains to the end. Where checkpoint is not NULL, saves there so often that saving takes below about 5% of
 * the time. Ends early when *interrupted becomes nonzero, with STATUS_FAILED "interrupted ..."; epochs since
 * the last checkpoint are then done again, to the same bits.
 * A loss that is not finite ends it with STATUS_FAILED. */
enum status training_run(struct training *t, const char *checkpoint, const char *key,
                         const volatile sig_atomic_t *interrupted, struct progress *progress, struct error *e);

int64_t training_epoch(const struct training *t);      /* epochs done */
const double *training_loss(const struct training *t); /* of each epoch, mean over its batches of the mean over theirs
                                                            */
/* Median seconds an epoch of those that training_run() has done, without checkpoints; 0 for none. */
double training_epoch_seconds(const struct training *t);
/* The weights that would have been the result after the epochs of settings.keep, one after the other (floats,
 * keep_count x model->weight_count); complete when the training is. */
const float *training_kept(const struct training *t);
/* Puts the result (the running average where there is one) into model->weights. */
void training_finish(struct training *t);

/* One optimisation step on the batch at `first` of the current epoch's order (for the benchmark). */
enum status training_step(struct training *t, size_t first, double *loss, struct error *e);

#endif
