/* The probability flow: for a Gaussian model, map and density against closed forms, in both directions; for a network,
 * the divergence against finite differences.
 *
 * With the exact score of a Gaussian field every mode follows dphi/du = s^2/(G + s^2) phi, u = log s. So phi(p) at t =
 * 1 is sqrt((G + s1^2)/(G + s0^2)) times that at t_start, and q is Gaussian with propagator s1^2 (G + s0^2)/(G + s1^2).
 * With the Gaussian prior, whose propagator at t = 1 is G + s1^2, that of q is G + s0^2. */
#include "tests/diffusion/flow.h"

#include "score/schedule.h"
#include "lattice/action.h"
#include "lattice/fourier.h"
#include "statistics/weights.h"

/* --- Gaussian models ----------------------------------------------------------------------------- */

/* log q of one field in its own units; the density of the scaled field is Gaussian with the propagator above. */
static double exact_log_q(const struct score_model *m, double t_start, bool gaussian_prior, const double *phi) {
    struct fourier *f;
    struct error e = {0};
    assert_ok(fourier_new(m->extents, m->dimensions, &f, &e));
    double *scaled = test_reals(m->volume), *power = test_reals(m->volume), *work = test_reals(fourier_workspace(f));
    const double low = s2(m->sigma, t_start), high = s2(m->sigma, 1);
    double log_q = (double)m->volume * log(m->factor);
    for (size_t i = 0; i < m->volume; i++) {
        scaled[i] = (phi[i] - m->offset) * m->factor;
    }
    fourier_power(f, scaled, power, work);
    for (size_t p = 0; p < m->volume; p++) {
        const double G = (m->propagator[p] + low) * (gaussian_prior ? 1 : high / (m->propagator[p] + high));
        log_q -= 0.5 * (log(two_pi * G) + power[p] / G);
    }
    free(scaled);
    free(power);
    free(work);
    fourier_free(f);
    return log_q;
}

/* log q of the draws agrees with the closed form and with log q of the flow back to the prior, which returns to the
 * initial draws. */
static void check_gaussian(struct score_model *m, const struct flow_settings *s, double tolerance) {
    enum { N = 11 };
    const size_t V = m->volume;
    struct found f = draw(m, s, 5, N, 1), back = score(m, s, 5, N, 2, f.phi);
    for (size_t i = 0; i < N; i++) {
        const double right = exact_log_q(m, s->t_start, s->gaussian_prior, f.phi + i * V);
        assert_near(f.log_q[i], right, tolerance);
        assert_near(back.log_q[i], right, tolerance);
        assert_true(isnan(f.error[i]) && isnan(back.error[i]) && f.done[i] && back.done[i]);
        if (s->method != RUNGE_KUTTA_DOPRI5) {
            assert_true(f.evaluations[i] == s->steps * (s->method == RUNGE_KUTTA_HEUN ? 2 : 4));
        } else {
            assert_true(f.evaluations[i] > 20 && f.evaluations[i] < 400);
        }
    }
    assert_close(N * V, back.latent, f.latent, tolerance / 10);
    found_free(&f);
    found_free(&back);
}

/* With the Gaussian prior q is the density of the noisy data at any t_start; with the white prior it is not, most of
 * all for long waves. */
static void test_gaussian_prior(void **state) {
    (void)state;
    enum { N = 4000 };
    static const double starts[] = {1e-5, 1e-2, 0.3, 0.9};
    static const size_t extents[][3] = {{4, 6}, {2, 4, 3}};
    for (size_t dimensions = 2; dimensions <= 3; dimensions++) {
        struct score_model m = free_field(dimensions, extents[dimensions - 2], 0.249 * 2 / (double)dimensions);
        assert_true(m.propagator[0] > s2(m.sigma, 1)); /* near criticality */
        for (size_t i = 0; i < sizeof starts / sizeof starts[0]; i++) {
            struct flow_settings s = methods[2];
            s.t_start = starts[i];
            s.gaussian_prior = true;
            check_gaussian(&m, &s, 3e-4);
            struct found f = draw(&m, &s, 0, 8, 2);
            s.gaussian_prior = false;
            struct found white = score(&m, &s, 0, 8, 2, f.phi);
            double off = 0;
            for (size_t k = 0; k < 8; k++) {
                off += fabs(white.log_q[k] - exact_log_q(&m, s.t_start, true, f.phi + k * m.volume)) / 8;
            }
            assert_true(off > 0.05);
            found_free(&white);
            found_free(&f);
        }
        /* draws from the prior: |phi(p)|^2/V over the variance has mean 1 within 5 sigma; its own variance is at most
         * 2 */
        const struct flow_settings one = {.method = RUNGE_KUTTA_HEUN,
                                          .steps = 1,
                                          .divergence = FLOW_CLOSED,
                                          .t_start = 0.9,
                                          .gaussian_prior = true,
                                          .seed = 4};
        struct found f = draw(&m, &one, 0, N, 2);
        double complex *modes = test_alloc(m.volume, sizeof *modes);
        double *mean = test_reals(m.volume);
        for (size_t i = 0; i < N; i++) {
            transform(&m, f.latent + i * m.volume, modes);
            for (size_t p = 0; p < m.volume; p++) {
                mean[p] += pow(cabs(modes[p]), 2) / (double)m.volume / (m.propagator[p] + s2(m.sigma, 1)) / N;
            }
        }
        for (size_t p = 0; p < m.volume; p++) {
            assert_near(mean[p], 1, 5 * sqrt(2.0 / N));
        }
        free(modes);
        free(mean);
        found_free(&f);
        score_model_release(&m);
    }
}

static void test_gaussian_in_closed_form(void **state) {
    (void)state;
    static const double tolerances[] = {3e-3, 5e-3, 3e-4};
    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++) {
        struct score_model m = free_field(2, (size_t[]){4, 6}, 0.21);
        check_gaussian(&m, &methods[i], tolerances[i]);
        m.offset = -3;
        m.factor = 0.25;
        check_gaussian(&m, &methods[i], tolerances[i]);
        score_model_release(&m);
        m = free_field(3, (size_t[]){2, 4, 3}, 0.12);
        check_gaussian(&m, &methods[i], tolerances[i]);
        score_model_release(&m);
    }
}

/* The error of log q falls as steps^-2 and steps^-4. */
static void check_order(const struct score_model *m, enum runge_kutta_method method, int64_t steps, double ratio) {
    struct flow_settings s = {.method = method, .divergence = FLOW_CLOSED, .t_start = 1e-3};
    struct found field = draw(m, &methods[2], 0, 1, 1);
    double difference[2];
    for (int i = 0; i < 2; i++) {
        s.steps = steps << i;
        struct found f = score(m, &s, 0, 1, 1, field.phi);
        difference[i] = f.log_q[0] - exact_log_q(m, s.t_start, false, field.phi);
        found_free(&f);
    }
    assert_near(log2(difference[0] / difference[1]), log2(ratio), 0.4);
    found_free(&field);
}

static void test_orders_of_log_q(void **state) {
    (void)state;
    struct score_model m = free_field(2, (size_t[]){8, 8}, 0.21);
    check_order(&m, RUNGE_KUTTA_HEUN, 32, 4);
    check_order(&m, RUNGE_KUTTA_RK4, 8, 16);
    score_model_release(&m);
}

/* Variance of log q from P probes for a Gaussian model: the estimate of the integrated divergence is v.A v, with a
 * matrix A of eigenvalues a(p) = 1/2 log((G(p) + s^2(1))/(G(p) + s^2(t_start))). Its variance is 2/P sum a^2 for normal
 * numbers. For signs only the off-diagonal elements contribute: 2/P (sum a^2 - V mean(a)^2). */
static double probe_variance(const struct score_model *m, double t_start, bool signs, size_t probes) {
    const double last = schedule_noise(m->sigma, 1), first = schedule_noise(m->sigma, t_start), V = (double)m->volume;
    double sum = 0, squares = 0;
    for (size_t p = 0; p < m->volume; p++) {
        const double a = 0.5 * log((m->propagator[p] + last * last) / (m->propagator[p] + first * first));
        sum += a;
        squares += a * a;
    }
    return 2 / (double)probes * (squares - (signs ? sum * sum / V : 0));
}

/* The same for probes that are new at each of the four evaluations of a step of rk4 in u = log s: a sum of independent
 * terms, each with the eigenvalues s^2/(G(p) + s^2) times its weight. */
static double fresh_variance(const struct score_model *m, const struct flow_settings *s) {
    static const double place[4] = {0, 0.5, 0.5, 1}, weight[4] = {1.0 / 6, 1.0 / 3, 1.0 / 3, 1.0 / 6};
    const double first = log(schedule_noise(m->sigma, s->t_start)), last = log(schedule_noise(m->sigma, 1));
    const double h = (last - first) / (double)s->steps, V = (double)m->volume;
    double variance = 0;
    for (int64_t step = 0; step < s->steps; step++) {
        for (int i = 0; i < 4; i++) {
            const double noise = exp(first + ((double)step + place[i]) * h);
            double sum = 0, squares = 0;
            for (size_t p = 0; p < m->volume; p++) {
                const double a = h * weight[i] * noise * noise / (m->propagator[p] + noise * noise);
                sum += a;
                squares += a * a;
            }
            variance += 2 / (double)s->probes * (squares - (s->signs ? sum * sum / V : 0));
        }
    }
    return variance;
}

/* The three divergences agree, that of probes within its errors: pulls have variance (P-1)/(P-3), and the mean square
 * of the errors is that of the closed form. */
static void test_divergences(void **state) {
    (void)state;
    enum { N = 24, PROBES = 10 };
    struct score_model m = free_field(2, (size_t[]){4, 4}, 0.21);
    struct flow_settings s = {.method = RUNGE_KUTTA_RK4,
                              .steps = 24,
                              .divergence = FLOW_CLOSED,
                              .t_start = 1e-3,
                              .seed = 7,
                              .probes = PROBES};
    struct found field = draw(&m, &s, 0, N, 1), closed = score(&m, &s, 0, N, 1, field.phi);
    s.divergence = FLOW_EXACT;
    struct found exact = score(&m, &s, 0, N, 1, field.phi);
    assert_int_equal(flow_products(&m, &s), 16);
    s.divergence = FLOW_PROBES;
    assert_int_equal(flow_products(&m, &s), PROBES);
    for (int k = 0; k < 4; k++) {
        s.signs = k % 2;
        s.sharing = k / 2 ? FLOW_FRESH : FLOW_OWN;
        struct found probes = score(&m, &s, 0, N, 1, field.phi),
                     last = score(&m, &s, N - 5, 5, 2, field.phi + (N - 5) * m.volume);
        const double expected = k / 2 ? fresh_variance(&m, &s) : probe_variance(&m, s.t_start, s.signs, PROBES);
        double mean = 0, squares = 0, size = 0;
        assert_memory_equal(last.log_q, probes.log_q + N - 5, 5 * sizeof *last.log_q);
        for (size_t i = 0; i < N; i++) {
            const double pull = (probes.log_q[i] - closed.log_q[i]) / probes.error[i];
            mean += pull / N;
            squares += pull * pull / N;
            size += probes.error[i] * probes.error[i] / N;
            assert_near(exact.log_q[i], closed.log_q[i], 1e-4);
            assert_true(isnan(exact.error[i]));
        }
        const double variance = (PROBES - 1.0) / (PROBES - 3.0);
        assert_near(mean, 0, 4 * sqrt(variance / N));
        assert_true(squares > 0.3 * variance && squares < 2.2 * variance); /* its relative sigma is 0.37 */
        found_free(&probes);
        found_free(&last);
        /* relative sigma of the mean of N variances of P numbers: 0.10 for normal numbers, 0.2 for the excess kurtosis
         * of 6 that a few modes can cause */
        assert_near(size / expected, 1, 0.6);
    }
    s.sharing = FLOW_SHARED; /* the Jacobian does not depend on the field, so equal probes have equal errors */
    struct found shared = score(&m, &s, 0, N, 1, field.phi),
                 rest = score(&m, &s, 5, N - 5, 2, field.phi + 5 * m.volume);
    const double common = shared.log_q[0] - closed.log_q[0];
    assert_true(fabs(common) > 0.1);
    for (size_t i = 0; i < N; i++) {
        assert_near(shared.log_q[i] - closed.log_q[i], common, 1e-3);
        assert_true(i < 5 || rest.log_q[i - 5] == shared.log_q[i]);
    }
    found_free(&rest);
    found_free(&shared);
    s.sharing = FLOW_OWN;
    s.control = true; /* for a Gaussian model the difference to be estimated is 0 */
    struct found controlled = score(&m, &s, 0, N, 1, field.phi);
    for (size_t i = 0; i < N; i++) {
        assert_near(controlled.log_q[i], closed.log_q[i], 1e-3);
        assert_true(controlled.error[i] < 1e-3);
    }
    found_free(&controlled);
    s.control = false;
    s.probes = 1;
    struct found one = score(&m, &s, 0, 1, 1, field.phi);
    assert_true(isnan(one.error[0]) && isfinite(one.log_q[0]));
    found_free(&one);
    found_free(&field);
    found_free(&closed);
    found_free(&exact);
    score_model_release(&m);
}

/* Proposals from the exact flow of the free field against its action. Their only error is the prior, which has variance
 * s1^2 instead of G + s1^2 of the noisy field. So log w = 1/2 sum r |phi|^2/G_q + constant with r = G_q/G - 1, and its
 * variance is 1/2 sum r^2. */
static void test_acceptance_of_the_target(void **state) {
    (void)state;
    enum { N = 400 };
    const double kappas[] = {0.05, 0.21, 0.24};
    for (size_t k = 0; k < 3; k++) {
        struct score_model m = free_field(2, (size_t[]){8, 8}, kappas[k]);
        const struct theory theory = {kappas[k], 0};
        struct flow_settings s = methods[2];
        struct geometry *g;
        struct error e = {0};
        s.steps = 40;
        assert_ok(geometry_new(m.extents, 2, &g, &e));
        struct found f = draw(&m, &s, 0, N, 2);
        double *S = test_reals(N), values[WEIGHTS_STATISTICS], errors[WEIGHTS_STATISTICS], variance = 0;
        for (size_t i = 0; i < N; i++) {
            S[i] = action(g, &theory, f.phi + i * m.volume);
        }
        for (size_t p = 0; p < m.volume; p++) {
            const double low = s2(25, s.t_start), high = s2(25, 1), G = m.propagator[p];
            const double r = high * (G + low) / (G + high) / G - 1;
            variance += 0.5 * r * r;
        }
        assert_ok(weights_analyse(S, f.log_q, N, WEIGHTS_PROPOSALS, N, values, errors, &e));
        assert_near(values[WEIGHTS_VAR_LOG_W], variance, 5 * errors[WEIGHTS_VAR_LOG_W] + 1e-6);
        assert_near(values[WEIGHTS_ACCEPTANCE], erfc(sqrt(variance) / 2), 5 * errors[WEIGHTS_ACCEPTANCE] + 1e-3);
        assert_true(values[WEIGHTS_ACCEPTANCE] > 0.9 && values[WEIGHTS_EFFECTIVE_SAMPLE_SIZE] > 0.95);
        assert_near(values[WEIGHTS_SLOPE], 1, 0.02);
        assert_true(values[WEIGHTS_R2] > 0.999);
        free(S);
        found_free(&f);
        geometry_free(g);
        score_model_release(&m);
    }
}

/* --- networks ------------------------------------------------------------------------------------ */

static const struct unet_shape small = {8, 8, 8, 32, 2, UNET_PERIODIC};

/* One Heun step over a tiny interval of log s: after subtraction of the prior, its change of log q is the divergence,
 * here against central differences of the double-precision network. */
static void check_trace(enum score_parameterisation how) {
    struct score_model m = network_model(small, how, 1);
    const size_t V = m.volume;
    const double s_start = 3, t = schedule_time(25, s_start), step = 1e-5;
    double *phi = test_reals(V), *weights = to_reals(m.weight_count, m.weights), *moved = test_reals(V);
    double *up = test_reals(V), *down = test_reals(V), trace = 0, scale = 0;
    test_normal("trace", phi, V);
    for (size_t i = 0; i < V; i++) {
        phi[i] = (double)(float)(3 * phi[i]);
    }
    for (size_t x = 0; x < V; x++) {
        memcpy(moved, phi, V * sizeof *phi);
        moved[x] = phi[x] + step;
        score_oracle(&m, weights, 1, moved, &t, up, NULL, NULL);
        moved[x] = phi[x] - step;
        score_oracle(&m, weights, 1, moved, &t, down, NULL, NULL);
        trace += (up[x] - down[x]) / (2 * step);
        scale += fabs(up[x] - down[x]) / (2 * step);
    }
    struct scorer scorer = scorer_new(&m);
    struct error e = {0};
    float *single = test_floats(V), *out = test_floats(V), *unit = test_floats(V), *product = test_floats(V);
    for (size_t i = 0; i < V; i++) {
        single[i] = (float)phi[i];
    }
    assert_ok(score_evaluate(scorer.worker, 1, single, &t, out, &e));
    double units = 0;
    for (size_t x = 0; x < V; x++) {
        unit[x] = 1;
        assert_ok(score_vjp(scorer.worker, 1, unit, product, &e));
        unit[x] = 0;
        units += (double)product[x];
    }
    assert_near(units, trace, 1e-4 * scale);

    /* and in the density: from t to 1 in one Heun step, computed separately; s = exp(u) */
    const struct flow_settings s = {.method = RUNGE_KUTTA_HEUN, .steps = 1, .divergence = FLOW_EXACT, .t_start = t};
    struct found f = score(&m, &s, 0, 1, 1, phi);
    const double s_end = schedule_noise(25, 1), h = log(s_end / s_start), one = 1;
    for (size_t i = 0; i < V; i++) { /* an Euler step to the end, in the precision of the network */
        single[i] = (float)(phi[i] - h * s_start * (double)out[i]);
    }
    assert_ok(score_evaluate(scorer.worker, 1, single, &one, out, &e));
    double end_units = 0, squares = 0;
    for (size_t x = 0; x < V; x++) {
        unit[x] = 1;
        assert_ok(score_vjp(scorer.worker, 1, unit, product, &e));
        unit[x] = 0;
        end_units += (double)product[x];
        squares += f.latent[x] * f.latent[x];
    }
    const double log_q = -0.5 * ((double)V * log(two_pi * s_end * s_end) + squares / (s_end * s_end)) -
                         0.5 * h * (s_start * units + s_end * end_units);
    assert_near(f.log_q[0], log_q, 1e-4 * (fabs(log_q) + scale));
    double *reals[] = {phi, weights, moved, up, down};
    float *floats[] = {single, out, unit, product};
    for (size_t i = 0; i < 5; i++) {
        free(reals[i]);
    }
    for (size_t i = 0; i < 4; i++) {
        free(floats[i]);
    }
    found_free(&f);
    scorer_free(&scorer);
    score_model_release(&m);
}

static void test_trace_of_networks(void **state) {
    (void)state;
    check_trace(SCORE_PUBLISHED);
    check_trace(SCORE_PRECONDITIONED);
    check_trace(SCORE_WIENER);
}

/* For a network, too, probes agree with the exact trace within their errors, with and without the control variate. With
 * it the errors are smaller, since the network is near the Wiener filter. */
static void test_probes_of_networks(void **state) {
    (void)state;
    enum { N = 8, PROBES = 10 };
    struct score_model m = network_model(small, SCORE_WIENER, 1);
    struct flow_settings s = {
        .method = RUNGE_KUTTA_RK4, .steps = 3, .divergence = FLOW_EXACT, .t_start = 1e-3, .seed = 3, .probes = PROBES};
    struct unet_tensor list[UNET_TENSORS];
    const size_t tensors = unet_tensors(&small, list, NULL);
    for (size_t k = 0; k < tensors; k++) { /* near the filter, as at the start of a training */
        for (size_t i = 0; strncmp(list[k].name, "tconv1", 6) == 0 && i < list[k].count; i++) {
            m.weights[list[k].offset + i] *= 0.05f;
        }
    }
    double *phi = test_reals(N * m.volume), size[2][2] = {{0}};
    test_normal("fields", phi, N * m.volume);
    struct found exact = score(&m, &s, 0, N, 2, phi);
    s.divergence = FLOW_PROBES;
    for (int control = 0; control < 2; control++) {
        for (int signs = 0; signs < 2; signs++) {
            s.control = control;
            s.signs = signs;
            struct found probes = score(&m, &s, 0, N, 2, phi);
            double mean = 0, squares = 0;
            for (size_t i = 0; i < N; i++) {
                const double pull = (probes.log_q[i] - exact.log_q[i]) / probes.error[i];
                mean += pull / N;
                squares += pull * pull / N;
                size[control][signs] += probes.error[i] / N;
            }
            const double variance = (PROBES - 1.0) / (PROBES - 3.0);
            assert_near(mean, 0, 4 * sqrt(variance / N));
            assert_true(squares > 0.2 * variance && squares < 3 * variance);
            found_free(&probes);
        }
    }
    assert_true(size[1][0] < 0.3 * size[0][0] && size[1][1] < 0.8 * size[0][1]);
    found_free(&exact);
    free(phi);
    score_model_release(&m);
}

/* The flow down and up again for an untrained network, which is rougher than trained ones. */
static void test_reversal_of_networks(void **state) {
    (void)state;
    enum { N = 3 };
    struct score_model m = network_model(small, SCORE_PUBLISHED, 1);
    const struct flow_settings s = {.method = RUNGE_KUTTA_DOPRI5,
                                    .tolerance = 1e-6,
                                    .divergence = FLOW_PROBES,
                                    .probes = 2,
                                    .t_start = 1e-4,
                                    .seed = 2};
    struct found f = draw(&m, &s, 0, N, 1), back = score(&m, &s, 0, N, 1, f.phi);
    assert_close(N * m.volume, back.latent, f.latent, 1e-3);
    for (size_t i = 0; i < N; i++) {
        assert_near(back.log_q[i], f.log_q[i], 0.05);
    }
    found_free(&f);
    found_free(&back);
    score_model_release(&m);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gaussian_in_closed_form),  cmocka_unit_test(test_gaussian_prior),
        cmocka_unit_test(test_orders_of_log_q),          cmocka_unit_test(test_divergences),
        cmocka_unit_test(test_acceptance_of_the_target), cmocka_unit_test(test_trace_of_networks),
        cmocka_unit_test(test_probes_of_networks),       cmocka_unit_test(test_reversal_of_networks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
