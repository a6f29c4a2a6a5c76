/* Shared by the tests of score and diffusion: simple score models, and a Fourier transform by its definition. */
#ifndef DMSQ_TESTS_SCORE_MODELS_H
#define DMSQ_TESTS_SCORE_MODELS_H

#include <complex.h>

#include "base/functions.h"
#include "score/gaussian.h"
#include "score/unet.h"
#include "network/unet_oracle.h"
#include "tests/network/cpu.h"

#define assert_near(found, expected, tolerance) \
    do { \
        const double found_ = (found), expected_ = (expected), tolerance_ = (tolerance); \
        if (!(fabs(found_ - expected_) <= tolerance_)) \
            fail_msg("%s is %.17g, expected %.17g +- %.3g", #found, found_, expected_, tolerance_); \
    } while (0)

/* Expects a call to fail with this status and a message that contains the text. */
#define assert_refused(call, wanted, text) \
    do { \
        if ((call) != (wanted) || e.status != (wanted) || !strstr(e.message, (text))) \
            fail_msg("%s: found '%s' (%d), expected '%s' (%d)", #call, e.message, (int)e.status, (text), \
                     (int)(wanted)); \
    } while (0)

static const double two_pi = 6.283185307179586;

/* Momentum p_mu of a mode, and the coordinate x_mu of a site, in C order. */
static inline size_t component(const struct score_model *m, size_t index, size_t mu) {
    for (size_t nu = m->dimensions; nu-- > mu + 1;) {
        index /= m->extents[nu];
    }
    return index % m->extents[mu];
}

static inline struct score_model model_new(const struct score_kind *kind, size_t dimensions, const size_t *extents) {
    struct score_model m = {.kind = kind,
                            .sigma = 25,
                            .factor = 1,
                            .theory = {0.2, 0.02},
                            .thermalised = 1,
                            .dimensions = dimensions,
                            .volume = 1};
    for (size_t mu = 0; mu < dimensions; mu++) {
        m.volume *= m.extents[mu] = extents[mu];
    }
    m.propagator = test_reals(m.volume);
    return m;
}

/* The free field: G(p) = 1/(2 - 4 kappa sum_mu cos p_mu). */
static inline struct score_model free_field(size_t dimensions, const size_t *extents, double kappa) {
    struct score_model m = model_new(&score_gaussian, dimensions, extents);
    for (size_t p = 0; p < m.volume; p++) {
        double sum = 0, sine, cosine; /* without libm, so that the bits of these models are the same everywhere */
        for (size_t mu = 0; mu < dimensions; mu++) {
            function_sincos_turns((double)component(&m, p, mu) / (double)extents[mu], &sine, &cosine);
            sum += cosine;
        }
        m.propagator[p] = 1 / (2 - 4 * kappa * sum);
        m.variance += m.propagator[p] / (double)m.volume;
    }
    return m;
}

/* A network with the initial weights of a training, on the lattice of a free field. */
static inline struct score_model network_model(struct unet_shape shape, enum score_parameterisation how,
                                               double frequency_scale) {
    struct score_model m = free_field(2, (size_t[]){(size_t)shape.height, (size_t)shape.width_sites}, 0.21);
    struct error e = {0};
    assert_ok(score_unet_make(&m, &shape, how, &e));
    assert_ok(initialise_weights(&shape, 5, m.weights, &e));
    assert_ok(initialise_frequencies(&shape, 5, frequency_scale, score_network(&m)->frequencies, &e));
    return m;
}

/* exp(i p.x) */
static inline double complex wave(const struct score_model *m, size_t p, size_t x) {
    double turns = 0;
    for (size_t mu = m->dimensions; mu-- > 0; p /= m->extents[mu], x /= m->extents[mu]) {
        turns += (double)(p % m->extents[mu] * (x % m->extents[mu]) % m->extents[mu]) / (double)m->extents[mu];
    }
    return cos(two_pi * turns) + I * sin(two_pi * turns);
}

/* phi(p) = sum_x exp(-i p.x) phi(x), by its definition. */
static inline void transform(const struct score_model *m, const double *phi, double complex *modes) {
    for (size_t p = 0; p < m->volume; p++) {
        modes[p] = 0;
        for (size_t x = 0; x < m->volume; x++) {
            modes[p] += phi[x] * conj(wave(m, p, x));
        }
    }
}

/* out(x) = -s/V sum_p exp(i p.x) phi(p)/(G(p) + s^2) of one configuration, by its definition. */
static inline void wiener_by_definition(const struct score_model *m, double s, const double *phi, double *out) {
    double complex *modes = test_alloc(m->volume, sizeof *modes);
    transform(m, phi, modes);
    for (size_t x = 0; x < m->volume; x++) {
        double complex sum = 0;
        for (size_t p = 0; p < m->volume; p++) {
            sum -= s / (m->propagator[p] + s * s) * modes[p] * wave(m, p, x);
        }
        out[x] = creal(sum) / (double)m->volume;
    }
    free(modes);
}

/* Draws with their density from a Gaussian field. */
static inline enum status gaussian_sample(const struct score_model *m, uint64_t seed, size_t first, size_t count,
                                          int threads, float *phi, double *log_q,
                                          const volatile sig_atomic_t *interrupted, struct error *e) {
    const struct score_draw draw = {
        random_key(seed, "propose", "gaussian"), first, count, threads, phi, log_q, interrupted, NULL};
    return score_model_draw(m, &draw, e);
}

/* One worker on a model. */
struct scorer {
    struct score *score;
    struct score_worker *worker;
};

static inline struct scorer scorer_new(const struct score_model *m) {
    struct scorer s;
    struct error e = {0};
    assert_ok(score_new(m, SCORE_BATCH, &s.score, &e));
    assert_ok(score_worker_new(s.score, &s.worker, &e));
    return s;
}

static inline void scorer_free(struct scorer *s) {
    score_worker_free(s->worker);
    score_free(s->score);
}

static inline double s2(double sigma, double t) {
    return expm1(2 * t * log(sigma)) / (2 * log(sigma));
}

/* The factor of F at noise level s. */
static inline double network_factor(const struct score_model *m, double s) {
    const double total = m->variance + s * s;
    const enum score_parameterisation how = score_network(m)->parameterisation;
    return how == SCORE_PUBLISHED        ? 1
           : how == SCORE_PRECONDITIONED ? sqrt(m->variance / total)
                                         : s * sqrt(m->variance) / total;
}

/* s(t) score of a network model in double precision, by the formulas of score/network.h, with any weights; if g is not
 * NULL, also the gradient of sum(out * g) with respect to the weights. The label of the noise level is rounded to
 * single precision, as for the network. */
static inline void score_oracle(const struct score_model *m, const double *weights, size_t n, const double *phi,
                                const double *t, double *out, const double *g, double *gradient) {
    const size_t V = m->volume;
    const struct score_network *own = score_network(m);
    const struct unet_shape *shape = score_unet_shape(m);
    const bool published = own->parameterisation == SCORE_PUBLISHED;
    struct error e = {0};
    double *x = test_reals(n * V), *output_gradient = test_reals(n * V), *label = test_reals(n),
           *linear = test_reals(V);
    double *frequencies = to_reals((size_t)shape->embedding / 2, own->frequencies);
    for (size_t i = 0; i < n * V; i++) {
        const double square = s2(m->sigma, t[i / V]), total = m->variance + square;
        label[i / V] = (double)(float)(published ? t[i / V] : log(square) / 8);
        x[i] = published ? phi[i] : phi[i] / sqrt(total);
        if (g) {
            output_gradient[i] = network_factor(m, sqrt(square)) * g[i];
        }
    }
    assert_ok(
        unet_oracle(shape, weights, frequencies, n, x, label, out, g ? output_gradient : NULL, NULL, gradient, &e));
    for (size_t at = 0; at < n * V && !published; at += V) {
        const double square = s2(m->sigma, t[at / V]), total = m->variance + square;
        for (size_t i = 0; i < V; i++) {
            linear[i] = -sqrt(square) * phi[at + i] / total;
        }
        if (own->parameterisation == SCORE_WIENER) {
            wiener_by_definition(m, sqrt(square), phi + at, linear);
        }
        for (size_t i = 0; i < V; i++) {
            out[at + i] = linear[i] + network_factor(m, sqrt(square)) * out[at + i];
        }
    }
    free(x);
    free(linear);
    free(output_gradient);
    free(label);
    free(frequencies);
}

/* --- files --------------------------------------------------------------------------------------- */

/* Writes an artifact of the stage `ensemble`, with the arrays that diffusion reads. */
static inline void write_ensemble_at(double kappa, const char *path, const float *phi, size_t count, size_t dimensions,
                                     const size_t *extents) {
    struct npz_writer *writer;
    struct error e = {0};
    size_t shape[NPZ_MAX_DIMENSIONS] = {count};
    memcpy(shape + 1, extents, dimensions * sizeof *shape);
    assert_ok(npz_create(path, &writer, &e));
    assert_ok(npz_add_text(writer, "recipe", "stage=ensemble\n", &e));
    assert_ok(npz_add(writer, "phi", NPZ_FLOAT32, dimensions + 1, shape, phi, &e));
    assert_ok(npz_add_real(writer, "kappa", kappa, &e));
    assert_ok(npz_add_real(writer, "lambda", 0.02, &e));
    assert_ok(npz_commit(writer, &e));
}

static inline void write_ensemble(const char *path, const float *phi, size_t count, size_t dimensions,
                                  const size_t *extents) {
    write_ensemble_at(0.2, path, phi, count, dimensions, extents);
}

/* White noise in single precision, different for every name. */
static inline float *white_noise(const char *name, size_t n) {
    float *z = test_floats(n);
    random_normal_float(random_key(1, "test diffusion", name), 0, 0, z, n);
    return z;
}

#endif
