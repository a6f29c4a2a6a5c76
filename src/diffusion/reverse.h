/* Samples of a score model: the reverse process (A 3.2, 3.9) from the prior N(0, s2(1)) to data.
 *
 *   euler-maruyama  On a grid uniform in t from 1 to t_end: phi <- phi + g^2 score dt + g sqrt(dt) z with unit noise z,
 *                   without noise in the last step: the published sampler. On a grid uniform in log s:
 *                   phi <- phi + D score + sqrt(D) z, D = s_i^2 - s_(i+1)^2, and a last step without noise, with
 *                   D = s_end^2 (the posterior mean).
 *   ancestral       The same mean, with the noise of the exact conditional distribution p(phi(s') | phi(s)) of a
 *                   Gaussian field with the model's propagator G: covariance D (G(p) + s'^2)/(G(p) + s^2) in mode p.
 *                   Exact for Gaussian data at any number of steps if the score is exact. Euler-Maruyama adds too much
 *                   noise, and the usual posterior variance D s'^2/s^2 too little. The last step goes from s_end to 0
 *                   in the same way. For the grid uniform in log s only.
 *   modes           The probability flow in normalised modes (score_model_modes), with noise only at its start: `steps`
 *                   Runge-Kutta steps. For models that have it, without snapshots; t_end and the grid are not used.
 *   modes-noisy     The reverse process in normalised modes, exact for a Gaussian field at any number of steps, under
 *                   the same conditions. A draw of modes or modes-noisy that became infinite or left the phase of its
 *                   model is repeated with new random numbers, and counted.
 *   direct          A draw without a process and without snapshots, for models that have it (score/score.h).
 *
 * Configuration i depends only on (seed, i): any split over threads and processes gives the same bits. */
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
    size_t *redrawn; /* raised by the number of rejected draws of modes and modes-noisy; NULL: not counted */
};

/* Sets t[steps] to the times of the grid, descending from 1 to t_end. */
void reverse_grid(const struct reverse_settings *settings, double sigma, double *t);

/* Whether the method has a grid of times, and so snapshots: all except modes, modes-noisy and direct. */
bool reverse_has_grid(enum reverse_method method);

/* Draws configurations first .. first+count-1 into phi (count, volume), in the units of the field. snapshots:
 * (snapshot_count, snapshot_configurations, volume) or NULL. progress counts configurations, with those before `first`
 * as finished, and may be NULL. STATUS_BAD_INPUT: the model does not have the method, or the grid does not suit it.
 * STATUS_FAILED: a configuration is not finite, or *interrupted became nonzero. */
enum status reverse_run(const struct score_model *model, const struct reverse_settings *settings, size_t first,
                        size_t count, int threads, float *phi, float *snapshots,
                        const volatile sig_atomic_t *interrupted, struct progress *progress, struct error *e);

/* Number of configurations to save at a time; the number of which the first configuration of a call should be a
 * multiple; and the number that a call should have at least, so that all threads have work (0: that of a part). */
size_t reverse_part(const struct score_model *model, enum reverse_method method);
size_t reverse_grain(const struct score_model *model, enum reverse_method method);
size_t reverse_at_once(const struct score_model *model, enum reverse_method method, int threads);

#endif
