/* The probability flow: bits for any number of threads and any other configurations, resumed runs, failures. */
#include "backend/backend.h"
#include "tests/diffusion/flow.h"

static const volatile sig_atomic_t now = 1;

static const struct unet_shape small = {8, 8, 8, 32, 2, UNET_PERIODIC};

static void assert_same(const struct found *part, const struct found *all, size_t at, size_t count, size_t volume) {
    assert_memory_equal(part->phi, all->phi + at * volume, count * volume * sizeof(double));
    assert_memory_equal(part->latent, all->latent + at * volume, count * volume * sizeof(double));
    assert_memory_equal(part->log_q, all->log_q + at, count * sizeof(double));
    assert_memory_equal(part->error, all->error + at, count * sizeof(double));
    assert_memory_equal(part->evaluations, all->evaluations + at, count * sizeof(int64_t));
}

/* Configurations of different widths, which need different numbers of steps: in one call by one thread, by two threads,
 * and in parts. */
static void check_bits(const struct score_model *m, struct flow_settings s) {
    enum { N = 19 };
    static const size_t parts[] = {0, 1, 10, N};
    const size_t V = m->volume;
    s.seed = 4;
    struct found drawn = draw(m, &s, 3, N, 1), drawn_by_two = draw(m, &s, 3, N, 2);
    assert_same(&drawn_by_two, &drawn, 0, N, V);
    for (size_t i = 0; i < N * V; i++) {
        drawn.phi[i] *= 0.2 + 0.3 * (double)(i / V % 5);
    }
    struct found one = score(m, &s, 3, N, 1, drawn.phi), two = score(m, &s, 3, N, 2, drawn.phi);
    assert_same(&two, &one, 0, N, V);
    for (int i = 0; i < 3; i++) {
        const size_t at = parts[i], count = parts[i + 1] - at;
        struct found part = score(m, &s, 3 + at, count, 1 + i % 2, drawn.phi + at * V);
        assert_same(&part, &one, at, count, V);
        found_free(&part);
    }
    bool differ = false;
    for (size_t i = 1; i < N; i++) {
        differ = differ || one.evaluations[i] != one.evaluations[0];
    }
    assert_true(differ == (s.method == RUNGE_KUTTA_DOPRI5));
    found_free(&drawn);
    found_free(&drawn_by_two);
    found_free(&one);
    found_free(&two);
}

static void test_bits_depend_neither_on_threads_nor_on_other_configurations(void **state) {
    (void)state;
    const struct flow_settings adaptive = {
        .method = RUNGE_KUTTA_DOPRI5, .tolerance = 1e-3, .divergence = FLOW_PROBES, .probes = 2, .t_start = 1e-3};
    struct flow_settings fixed = {
        .method = RUNGE_KUTTA_HEUN, .steps = 2, .divergence = FLOW_PROBES, .probes = 3, .signs = true, .t_start = 1e-3};
    struct score_model m = network_model(small, SCORE_PRECONDITIONED, 1);
    check_bits(&m, adaptive);
    check_bits(&m, fixed);
    score_model_release(&m);
    m = free_field(2, (size_t[]){4, 6}, 0.21);
    check_bits(&m, adaptive);
    fixed.divergence = FLOW_EXACT;
    check_bits(&m, fixed);
    score_model_release(&m);
}

/* Configurations that are marked as done are skipped, and the others have the same bits. */
static void test_resumed_run(void **state) {
    (void)state;
    enum { N = 9 };
    struct score_model m = free_field(2, (size_t[]){4, 4}, 0.21);
    const size_t V = m.volume;
    struct found drawn = draw(&m, &methods[0], 0, N, 1), f = found_new(&m, N);
    struct found whole = score(&m, &methods[0], 0, N, 1, drawn.phi);
    struct flow_result r = result_of(&f);
    struct error e = {0};
    r.finished = 2;
    f.done[1] = f.done[7] = 1;
    f.log_q[1] = f.log_q[7] = 42;
    assert_ok(flow_log_density(&m, &methods[0], 0, N, 2, drawn.phi, NULL, &r, &never, NULL, &e));
    assert_int_equal(r.finished, N);
    for (size_t i = 0; i < N; i++) {
        assert_true(f.done[i] == 1 && f.log_q[i] == (i == 1 || i == 7 ? 42 : whole.log_q[i]));
    }
    memset(f.done, 0, N);
    r.finished = 0;
    assert_refused(flow_log_density(&m, &methods[0], 0, N, 2, drawn.phi, NULL, &r, &now, NULL, &e), STATUS_FAILED,
                   "interrupted");
    assert_int_equal(r.finished, 0);
    drawn.phi[4 * V] = NAN;
    assert_refused(flow_log_density(&m, &methods[0], 10, N, 1, drawn.phi, NULL, &r, &never, NULL, &e), STATUS_BAD_INPUT,
                   "configuration 14 is not finite");
    found_free(&drawn);
    found_free(&whole);
    found_free(&f);
    score_model_release(&m);
}

static void test_failures(void **state) {
    (void)state;
    struct score_model m = free_field(2, (size_t[]){4, 4}, 0.21);
    struct found f = found_new(&m, 4);
    struct flow_result r = result_of(&f);
    struct error e = {0};
    struct flow_settings s = methods[0];
#define draw_refused(status, text) \
    assert_refused(flow_sample(&m, &s, 0, 4, 1, f.phi, NULL, &r, &never, NULL, &e), status, text)
    s.tolerance = 0;
    draw_refused(STATUS_BAD_INPUT, "tolerance 0");
    s = methods[1];
    s.steps = 0;
    draw_refused(STATUS_BAD_INPUT, "0 steps");
    s = methods[0];
    s.divergence = FLOW_PROBES;
    draw_refused(STATUS_BAD_INPUT, "0 probes");
    s = methods[0];
    s.t_start = 1;
    draw_refused(STATUS_BAD_INPUT, "t-start is 1");
    s = methods[0];
    s.tolerance = 1e-30;
    draw_refused(STATUS_FAILED, "makes no progress at t = 1");
    s = methods[0];
    m.propagator[3] = NAN;
    draw_refused(STATUS_FAILED, "configuration 0: the flow is not finite at t = 1");
    score_model_release(&m);
    m = network_model(small, SCORE_PUBLISHED, 1);
    draw_refused(STATUS_BAD_INPUT, "divergence closed with a model of kind");
    found_free(&f);
    score_model_release(&m);
}

/* A device that fails at an evaluation. */
static size_t stub_capacity(const struct backend *b, const struct score_model *model) {
    (void)b;
    (void)model;
    return 4;
}

static enum status stub_network_new(struct backend *b, const struct score_model *model,
                                    struct backend_network **network, struct error *e) {
    (void)b, (void)model, (void)e;
    static char there;
    *network = (struct backend_network *)&there;
    return STATUS_OK;
}

static void stub_network_free(struct backend_network *network) {
    (void)network;
}

static enum status stub_integrator_new(struct backend_network *network, const struct backend_divergence *divergence,
                                       struct backend_integrator **integrator, struct error *e) {
    (void)network, (void)divergence, (void)e;
    static char there;
    *integrator = (struct backend_integrator *)&there;
    return STATUS_OK;
}

static void stub_integrator_free(struct backend_integrator *integrator) {
    (void)integrator;
}

static enum status stub_start(struct backend_integrator *integrator, size_t place, const double *phi,
                              const double *power, struct error *e) {
    (void)integrator, (void)place, (void)phi, (void)power, (void)e;
    return STATUS_OK;
}

static enum status stub_advance(struct backend_integrator *integrator, size_t n,
                                const struct backend_evaluation *evaluations, struct runge_kutta_sums *sums,
                                struct error *e) {
    (void)integrator, (void)evaluations, (void)sums;
    return error_set(e, STATUS_FAILED, "no advance of %zu slots", n);
}

/* Failures with some slots empty, and with all slots occupied. */
static void test_failures_of_a_device(void **state) {
    (void)state;
    struct backend stub = {.supports = score_is_unet,
                           .slots = stub_capacity,
                           .integrators = 1,
                           .network_new = stub_network_new,
                           .network_free = stub_network_free,
                           .integrator_new = stub_integrator_new,
                           .integrator_free = stub_integrator_free,
                           .integrator_start = stub_start,
                           .integrator_advance = stub_advance};
    struct score_model m = network_model(small, SCORE_PUBLISHED, 1);
    m.backend = &stub;
    struct found f = found_new(&m, 5);
    struct error e = {0};
    struct flow_settings s = methods[1];
    s.divergence = FLOW_EXACT;
    for (size_t count = 1; count <= 5; count++) {
        char text[32];
        snprintf(text, sizeof text, "no advance of %zu slots", count < 4 ? count : 4);
        struct flow_result r = result_of(&f);
        assert_refused(flow_sample(&m, &s, 0, count, 2, f.phi, NULL, &r, &never, NULL, &e), STATUS_FAILED, text);
        assert_refused(flow_log_density(&m, &s, 0, count, 2, f.phi, NULL, &r, &never, NULL, &e), STATUS_FAILED, text);
        assert_int_equal(r.finished, 0);
    }
    found_free(&f);
    m.backend = NULL;
    score_model_release(&m);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bits_depend_neither_on_threads_nor_on_other_configurations),
        cmocka_unit_test(test_resumed_run),
        cmocka_unit_test(test_failures),
        cmocka_unit_test(test_failures_of_a_device),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
