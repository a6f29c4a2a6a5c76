/* Noise schedule of the variance-expanding diffusion (A 3.6): g(t) = sigma^t, T = 1,
 *   s2(t) = (sigma^(2t) - 1) / (2 ln sigma),   p_t(phi | phi0) = N(phi0, s2(t)).
 * sigma = 25 in the papers. Computed with the functions of base/, so the bits are the same everywhere. */
#ifndef DMSQ_SCORE_SCHEDULE_H
#define DMSQ_SCORE_SCHEDULE_H

/* g(t)^2 */
double schedule_g2(double sigma, double t);
/* s(t)^2 and s(t) */
double schedule_variance(double sigma, double t);
double schedule_noise(double sigma, double t);
/* The time of a noise level s >= 0: t = ln(1 + 2 s^2 ln sigma) / (2 ln sigma). */
double schedule_time(double sigma, double s);

#endif
