/* How far a model's denoising loss lies above that of the best linear denoiser.
 *
 * For a field with propagator G the Wiener filter has score -phi(p)/(G(p) + s^2) and loss
 * sum_p G/(G + s^2); integrated over d(log s) the excess of a model is, in nats, the divergence of the
 * model from the data, less what the field has beyond its two-point function (which is why a good model
 * may go below zero). So the excess at a noise level tells where a model loses. */
#ifndef DMSQ_DIFFUSION_EXCESS_H
#define DMSQ_DIFFUSION_EXCESS_H

#include "score/score.h"

struct excess {
    size_t levels;
    double *sigma;          /* noise level s, ascending, uniform in log s */
    double *loss;           /* model: mean over configurations of the sum over sites */
    double *wiener;         /* Wiener filter with the model's propagator on the same noise */
    double *excess, *error; /* mean difference and its standard error over configurations */
};

/* fields: count x volume, scaled. Noise levels from s(t_min) to s(1); the noise of configuration i at level
 * k is a function of (seed, i, k). */
enum status excess_measure(const struct score_model *model, const float *fields, size_t count, size_t levels,
                           double t_min, uint64_t seed, int threads, struct excess *x, struct error *e);
void excess_release(struct excess *x);

#endif
