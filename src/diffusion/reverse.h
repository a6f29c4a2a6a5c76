/* Samples of a score model: the reverse process (A 3.2, 3.9) from the prior N(0, s2(1)) to data.
 *
 *   euler-maruyama  phi <- phi + g^2 s dt + g sqrt(dt) z with unit noise on a grid uniform in t from 1 to
 *                   t_end, the noiseless mean of the last step returned: the published sampler. On a grid
 *                   uniform in log s: phi <- phi + D s + sqrt(D) z, D = s_i^2 - s_(i+1)^2, the last mean
 *                   with D = s_end^2 (the posterior mean).
 *   ancestral       the same mean, with the noise of the exact conditional p(phi(s') | phi(s)) of a Gaussian
 *                   field with the model's propagator: covariance D (G(p) + s'^2)/(G(p) + s^2) a mode. Exact
 *                   for Gaussian data at any number of steps when the score is; where Euler-Maruyama puts
 *                   too much noise and the usual posterior variance D s'^2/s^2 too little. The last step
 *                   goes from s_end to 0 the same way. Grid uniform in log s only.
 *   modes           the probability flow in normalised modes (score_model_modes): no noise on the way, `steps` steps of
 *                   Runge-Kutta. Models that know it, no snapshots; t_end and the grid do not matter.
 *   modes-noisy     the reverse process in normalised modes, exact for a Gaussian field at any number of steps,
 *                   likewise. A draw of either that left the finite numbers or the phase of its model is drawn again,
 *                   by the next of the numbers that it has for that, and counted.
 *   direct          no process, and no snapshots: models that are drawn without one (score/score.h).
 *
 * Configuration i is a function of (seed, i): any split over threads and processes gives the same bits.
 */
#ifndef DMSQ_DIFFUSION_REVERSE_H
#define DMSQ_DIFFUSION_REVERSE_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/progress.h"
#include "score/score.h"

enum reverse_method { REVERSE_EULER_MARUYAMA, REVERSE_ANCESTRAL, REVERSE_MODES, REVERSE_MODES_NOISY, REVERSE_DIRECT };

struct reverse_settings {
    enum reverse_method method;
    bool log_grid; /* uniform in log s instead of in t */
    int64_t steps; /* evaluations of the score, >= 2 */
    double t_end;  /* last time of the grid */
    uint64_t seed;
    /* Snapshots of the field at the points of the grid nearest to these values of tau = 1 - t, of the first
     * snapshot_configurations configurations; tau = 1 is the result. */
    const double *snapshot_times;
    size_t snapshot_count, snapshot_configurations;
    size_t *redrawn; /* raised by the draws of modes and modes-noisy that were rejected; NULL: not counted */
};

/* The grid: steps times, descending from 1 to t_end. */
void reverse_grid(const struct reverse_settings *settings, double sigma, double *t);

/* Whether the process has a grid of times, and so snapshots: not modes and direct. */
bool reverse_has_grid(enum reverse_method method);

/* Draws configurations first .. first+count-1 into phi (count x volume), in the field's own units (scaling
 * undone). snapshots: snapshot_count x snapshot_configurations x volume, NULL without. Ends early when
 * *interrupted becomes nonzero: STATUS_FAILED. progress counts configurations, those before `first` as done, and may be
 * NULL. */
enum status reverse_run(const struct score_model *model, const struct reverse_settings *settings, size_t first,
                        size_t count, int threads, float *phi, float *snapshots,
                        const volatile sig_atomic_t *interrupted, struct progress *progress, struct error *e);

/* Configurations to save at a time; what the first one of a call should be a multiple of; and how many a call should
 * have at least, so that all threads have work (0: those of a part). */
size_t reverse_part(const struct score_model *model, enum reverse_method method);
size_t reverse_grain(const struct score_model *model, enum reverse_method method);
size_t reverse_at_once(const struct score_model *model, enum reverse_method method, int threads);

#endif
