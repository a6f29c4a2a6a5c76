/* The Wiener filter of a field with propagator G at noise level s, as a score: s(t) score(p) = -s phi(p)/(G(p) + s^2).
 * It is linear and symmetric, so it is its own adjoint; its trace is -sum_p s/(G(p) + s^2). */
#ifndef DMSQ_SCORE_WIENER_H
#define DMSQ_SCORE_WIENER_H

#include "score/score.h"

struct fourier;
struct wiener; /* workspace for one thread */

/* fourier: the transform on the model's lattice, which belongs to the caller and may be shared by threads. */
enum status wiener_new(const struct score_model *m, const struct fourier *fourier, struct wiener **wiener,
                       struct error *e);
void wiener_free(struct wiener *w);
/* out[V] += the score of one configuration phi[V]. */
void wiener_add(struct wiener *w, double s, const float *phi, float *out);

/* The trace; terms: workspace for V numbers. */
double wiener_trace(const struct score_model *m, double s, double *terms);
/* As a control variate: the trace minus its estimate by a probe v with power[p] = |v(p)|^2/V. */
double wiener_control(const struct score_model *m, double s, const double *power, double *terms);

#endif
