/* The stochastic processes of the papers' schematic figures, simulated for the toy model, whose score is known exactly:
 *
 *   langevin  phi <- phi - dS/dphi dtau + sqrt(2 dtau) z from a Gaussian prior (A 2.15 with alpha = 1: noise of
 *             variance 2; its equilibrium is exp(-S)), Euler-Maruyama.
 *   forward   phi <- phi + sqrt(s2(t + dt) - s2(t)) z from exact draws (A 3.1 with f = 0): exact for any dt. The noise
 *             has variance g^2 dt, without a 2.
 *   reverse   phi <- phi + g^2 s dt + g sqrt(dt) z from the prior N(0, s2(1)) (A 3.2; not 3.8-3.9, which have noise of
 *             variance 2), with the exact score by quadrature: the published sampler without a trained model. The grid
 *             is uniform in t from 1 to t_end; the last step, from t_end, has no noise.
 *
 * Trajectory i depends only on (seed, i): any number of threads gives the same bits. */
#ifndef DMSQ_DIFFUSION_TOY_PROCESS_H
#define DMSQ_DIFFUSION_TOY_PROCESS_H

#include <signal.h>
#include <stddef.h>
#include <stdint.h>

#include "lattice/toy.h"

enum toy_process { TOY_LANGEVIN, TOY_FORWARD, TOY_REVERSE };

struct toy_process_settings {
    enum toy_process process;
    double duration; /* langevin: Langevin time; the others take 1 */
    double width;    /* langevin: standard deviation of the prior */
    double sigma;    /* of the schedule; forward and reverse */
    double t_end;    /* reverse */
    size_t steps;    /* >= 2 */
    uint64_t seed;
    size_t kept;                  /* number of trajectories, from the first on, that are stored at all steps */
    const size_t *snapshot_steps; /* steps (0 ... steps) after which all trajectories are stored */
    size_t snapshots;
    const volatile sig_atomic_t *interrupted; /* NULL: never; else STATUS_FAILED once it is not 0 */
};

/* The time after `step` steps: tau of langevin, t of forward, tau = 1 - t of reverse, whose last step goes from 1 -
 * t_end to 1. */
double toy_process_time(const struct toy_process_settings *s, size_t step);

/* Simulates `count` trajectories and sets paths (kept, steps + 1) and snapshot (snapshots, count). STATUS_FAILED: out
 * of memory, a trajectory is not finite, or *interrupted became nonzero. */
enum status toy_process_run(const struct toy *toy, const struct toy_process_settings *s, size_t count, int threads,
                            double *paths, double *snapshot, struct error *e);

/* Sets density[n] to the density of the process at phi[n] after `step` steps, in the limit of small steps: from the
 * Fokker-Planck equation for langevin, p_t for the others. */
enum status toy_process_density(const struct toy *toy, const struct toy_process_settings *s, size_t step, size_t n,
                                const double *phi, double *density, struct error *e);

#endif
