/* The probability flow by the CUDA backend (tests/cuda/emulate: its kernels and graphs, run on the CPU) against the CPU
 * backend, in both directions: every integrator, divergence and kind of probe, with and without control variate; bits
 * that do not depend on other configurations; copies between host and device. */
#include <cuda_runtime_api.h>

#include "diffusion/flow.h"
#include "tests/cuda/device.h"

static const struct unet_shape shape = {8, 8, 4, 8, 1, UNET_PERIODIC}, tiny = {4, 4, 4, 8, 1, UNET_PERIODIC};
enum { N = 5, V_MAX = 64 }; /* the device takes 4 slots of 8x8 sites at a time */

struct solved {
    double fields[N * V_MAX], latent[N * V_MAX], log_q[N], spread[N];
    int64_t evaluations[N];
    unsigned char done[N];
};

/* Configurations first ... first + count - 1 of a run that starts with number 3: drawn, or with their density for given
 * fields. */
static struct solved solve(const struct score_model *m, const struct flow_settings *s, bool drawn, const double *fields,
                           size_t first, size_t count) {
    struct solved r = {.done = {0}};
    struct flow_result result = {r.log_q, r.spread, r.evaluations, r.done, 0};
    struct error e = {0};
    if (drawn) {
        assert_ok(flow_sample(m, s, 3 + first, count, 1, r.fields, r.latent, &result, &never, NULL, &e));
    } else {
        assert_ok(flow_log_density(m, s, 3 + first, count, 1, fields + first * m->volume, r.latent, &result, &never,
                                   NULL, &e));
    }
    assert_int_equal(result.finished, count);
    return r;
}

/* The last configurations alone have the same bits as in the run, where they waited for slots. */
static void check_company(const struct score_model *m, const struct flow_settings *s, bool drawn, const double *fields,
                          const struct solved *all) {
    enum { FROM = 3, COUNT = 2 };
    const struct solved some = solve(m, s, drawn, fields, FROM, COUNT);
    const size_t V = m->volume;
    assert_memory_equal(some.log_q, all->log_q + FROM, COUNT * sizeof(double));
    assert_memory_equal(some.spread, all->spread + FROM, COUNT * sizeof(double));
    assert_memory_equal(some.latent, all->latent + FROM * V, COUNT * V * sizeof(double));
    assert_memory_equal(some.fields, all->fields + FROM * V, drawn ? COUNT * V * sizeof(double) : 0);
    assert_memory_equal(some.evaluations, all->evaluations + FROM, COUNT * sizeof(int64_t));
}

/* tolerance: relative, for fields and log q; ten times as large for the spread over probes, which is a difference. */
static void check(struct unet_shape size, enum score_parameterisation how, struct flow_settings s, double tolerance) {
    struct backend *b = device_open("cuda-float32");
    struct score_model m = network_model(size, how, 3), remote = on_device(&m, b);
    const size_t V = m.volume;
    double fields[N * V_MAX];
    m.offset = remote.offset = 0.1;
    m.factor = remote.factor = 1.3;
    s.t_start = 1e-2;
    s.seed = 1;
    test_normal("flow", fields, N * V);
    for (int drawn = 0; drawn < 2; drawn++) {
        const struct solved here = solve(&m, &s, drawn, fields, 0, N), there = solve(&remote, &s, drawn, fields, 0, N);
        assert_close(N, there.log_q, here.log_q, tolerance);
        assert_close(N * V, there.latent, here.latent, tolerance);
        if (drawn) {
            assert_close(N * V, there.fields, here.fields, tolerance);
            assert_memory_equal(there.latent, here.latent, N * V * sizeof(double)); /* the prior, to the bit */
        }
        if (s.divergence == FLOW_PROBES && s.probes > 1) {
            assert_close(N, there.spread, here.spread, 10 * tolerance);
        }
        for (int i = 0; i < N; i++) {
            assert_true(isnan(there.spread[i]) == isnan(here.spread[i]));
            if (s.method != RUNGE_KUTTA_DOPRI5) {
                assert_int_equal(there.evaluations[i], here.evaluations[i]);
            } else { /* a step whose error is at the limit may be accepted or rejected */
                assert_in_range(there.evaluations[i], here.evaluations[i] - 12, here.evaluations[i] + 12);
            }
        }
        if (drawn == (s.probes % 2 == 0)) { /* one direction only, to save time */
            check_company(&remote, &s, drawn, fields, &there);
        }
    }
    score_model_release(&m);
    b->close(b);
}

static void normal_probes(void **state) {
    (void)state;
    const struct flow_settings s = {.divergence = FLOW_PROBES, .probes = 2};
    struct flow_settings heun = s, rk4 = s;
    heun.method = RUNGE_KUTTA_HEUN;
    heun.steps = 3;
    rk4.method = RUNGE_KUTTA_RK4;
    rk4.steps = 2;
    check(shape, SCORE_PRECONDITIONED, heun, 1e-4);
    check(shape, SCORE_PUBLISHED, heun, 1e-4);
    check(shape, SCORE_WIENER, rk4, 1e-4);
    heun.sharing = FLOW_FRESH;
    check(shape, SCORE_PRECONDITIONED, heun, 1e-4);
}

static void signs_and_the_control_variate(void **state) {
    (void)state;
    const struct flow_settings s = {.method = RUNGE_KUTTA_HEUN, .steps = 2, .divergence = FLOW_PROBES, .probes = 3};
    for (int kind = 1; kind < 4; kind++) { /* signs; control variate; both */
        struct flow_settings own = s;
        own.signs = kind & 1;
        own.control = kind & 2;
        check(shape, kind == 3 ? SCORE_WIENER : SCORE_PRECONDITIONED, own, 1e-4);
    }
}

/* Rounding of the score affects the lengths of steps. So results differ by more than rounding, but by less than the
 * tolerance of the integrator (which is relative to one, and accumulates over many steps). */
static void adaptive_steps(void **state) {
    (void)state;
    struct flow_settings s = {.method = RUNGE_KUTTA_DOPRI5,
                              .tolerance = 1e-3,
                              .divergence = FLOW_PROBES,
                              .probes = 1,
                              .signs = true,
                              .control = true};
    check(shape, SCORE_PRECONDITIONED, s, 1e-3);
    s.probes = 2;
    s.signs = s.control = false;
    check(shape, SCORE_WIENER, s, 1e-3);
}

static void the_exact_divergence(void **state) {
    (void)state;
    const struct flow_settings s = {.method = RUNGE_KUTTA_HEUN, .steps = 1, .divergence = FLOW_EXACT};
    check(tiny, SCORE_PRECONDITIONED, s, 1e-4);
    check(tiny, SCORE_WIENER, s, 1e-4);
}

/* A Gaussian model has no network and is computed on the CPU with any device. */
static void gaussian_models(void **state) {
    (void)state;
    const struct flow_settings s = {
        .method = RUNGE_KUTTA_DOPRI5, .tolerance = 1e-5, .divergence = FLOW_CLOSED, .t_start = 1e-3, .seed = 1};
    struct backend *b = device_open("cuda");
    struct score_model m = free_field(2, (size_t[]){4, 6}, 0.2), remote = on_device(&m, b);
    const struct solved here = solve(&m, &s, true, NULL, 0, N), there = solve(&remote, &s, true, NULL, 0, N);
    assert_memory_equal(&there, &here, sizeof here);
    score_model_release(&m);
    b->close(b);
}

/* For an evaluation only orders and times are copied to the device and only sums back; fields are copied at the start
 * and the end of a solution. */
static void fields_stay_on_the_device(void **state) {
    (void)state;
    enum { PROBES = 2 };
    struct backend *b = device_open("cuda");
    struct score_model m = network_model(shape, SCORE_PRECONDITIONED, 3), remote = on_device(&m, b);
    const size_t slots = b->capacity(b, &m), V = m.volume;
    size_t copied[2][3];
    double fields[N * V_MAX];
    test_normal("flow", fields, N * V);
    for (int more = 0; more < 2; more++) {
        const struct flow_settings s = {.method = RUNGE_KUTTA_HEUN,
                                        .steps = more ? 9 : 2,
                                        .divergence = FLOW_PROBES,
                                        .probes = PROBES,
                                        .control = true,
                                        .t_start = 1e-2,
                                        .seed = 1};
        for (int kind = 0; kind < 3; kind++) {
            copied[more][kind] = emulate_copied((enum cudaMemcpyKind)kind);
        }
        solve(&remote, &s, false, fields, 0, slots);
        for (int kind = 0; kind < 3; kind++) {
            copied[more][kind] = emulate_copied((enum cudaMemcpyKind)kind) - copied[more][kind];
        }
    }
    const size_t back = copied[1][cudaMemcpyDeviceToHost] - copied[0][cudaMemcpyDeviceToHost];
    const size_t up = copied[1][cudaMemcpyHostToDevice] - copied[0][cudaMemcpyHostToDevice];
    assert_int_equal(back, 14 * slots * sizeof(struct runge_kutta_sums)); /* 7 more steps */
    assert_true(up < 14 * slots * 256);                                   /* a field in double precision is 512 */
    assert_int_equal(copied[1][cudaMemcpyDeviceToDevice], copied[0][cudaMemcpyDeviceToDevice]);
    assert_int_equal(copied[0][cudaMemcpyDeviceToHost],
                     slots * ((V + PROBES) * sizeof(double) + 4 * sizeof(struct runge_kutta_sums)));
    score_model_release(&m);
    b->close(b);
}

/* Interrupted work resumes with the missing results; errors name the configuration. */
static void interruptions_and_failures(void **state) {
    (void)state;
    const volatile sig_atomic_t now = 1;
    struct flow_settings s = {
        .method = RUNGE_KUTTA_HEUN, .steps = 2, .divergence = FLOW_PROBES, .probes = 1, .t_start = 1e-2, .seed = 1};
    struct backend *b = device_open("cuda");
    struct score_model m = network_model(shape, SCORE_PRECONDITIONED, 3), remote = on_device(&m, b);
    struct error e = {0};
    double fields[N * V_MAX];
    test_normal("flow", fields, N * m.volume);
    const struct solved all = solve(&remote, &s, false, fields, 0, N);
    struct solved part = all;
    struct flow_result result = {part.log_q, part.spread, part.evaluations, part.done, 0};
    memset(part.done + 1, 0, 3);
    memset(part.log_q + 1, 0, 3 * sizeof *part.log_q);
    assert_refused(flow_log_density(&remote, &s, 3, N, 1, fields, NULL, &result, &now, NULL, &e), STATUS_FAILED,
                   "interrupted while following the probability flow");
    assert_ok(flow_log_density(&remote, &s, 3, N, 1, fields, NULL, &result, &never, NULL, &e));
    assert_int_equal(result.finished, 3);
    assert_memory_equal(part.log_q, all.log_q, sizeof all.log_q);

    memset(part.done, 0, sizeof part.done);
    remote.weights = test_floats(m.weight_count);
    memset(remote.weights, 0x7f, m.weight_count * sizeof *remote.weights); /* 3e38: no score is finite */
    assert_refused(flow_log_density(&remote, &s, 3, N, 1, fields, NULL, &result, &never, NULL, &e), STATUS_FAILED,
                   "configuration 3: the flow is not finite at t = 0.01");
    free(remote.weights);
    remote.weights = m.weights;
    b->close(b);

    const size_t before = emulate_used();
    b = remote.backend = device_open("cuda-bf16");
    assert_refused(flow_log_density(&remote, &s, 3, N, 1, fields, NULL, &result, &never, NULL, &e), STATUS_BAD_INPUT,
                   "backend 'cuda-bf16' has no gradients, which the probability flow needs");
    b->close(b);
    assert_int_equal(emulate_used(), before); /* all memory has been released */
    score_model_release(&m);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(normal_probes),
        cmocka_unit_test(signs_and_the_control_variate),
        cmocka_unit_test(adaptive_steps),
        cmocka_unit_test(the_exact_divergence),
        cmocka_unit_test(gaussian_models),
        cmocka_unit_test(fields_stay_on_the_device),
        cmocka_unit_test(interruptions_and_failures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
