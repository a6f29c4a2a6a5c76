/* The excess of a model: its denoising loss minus that of the best linear denoiser, the Wiener filter.
 *
 * For a field with propagator G the Wiener filter has the score -phi(p)/(G(p) + s^2) and the loss sum_p G/(G + s^2).
 * The integral of the excess over d(log s) is, in nats, the Kullback-Leibler divergence of the model from the data,
 * minus that of a Gaussian field with the same two-point function. It is negative for a good model of an interacting
 * field. The excess at a noise level therefore shows at which scales a model is wrong. */
#ifndef DMSQ_DIFFUSION_EXCESS_H
#define DMSQ_DIFFUSION_EXCESS_H

#include "score/score.h"

struct excess {
    size_t levels;
    double *sigma;           /* noise level s, ascending, uniform in log s */
    double *loss;            /* loss of the model: mean over configurations of the sum over sites */
    double *wiener;          /* loss of the Wiener filter with the model's propagator, on the same noise */
    double *excess, *error;  /* mean difference of the losses, and its standard error over configurations */
    double nats, nats_error; /* integral of the excess over log s, by trapezoids, and its standard error */
};

/* Measures the excess on fields (count, volume), in scaled units, at noise levels from s(t_min) to s(1). The noise of
 * configuration i at level k depends only on (seed, i, k). Release *x by excess_release. STATUS_FAILED: out of
 * memory. */
enum status excess_measure(const struct score_model *model, const float *fields, size_t count, size_t levels,
                           double t_min, uint64_t seed, int threads, struct excess *x, struct error *e);
void excess_release(struct excess *x);

#endif
