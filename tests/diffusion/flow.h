/* Shared by the tests of the probability flow: the results of a call with their memory, and settings that are accurate
 * enough for closed forms. */
#ifndef DMSQ_TESTS_DIFFUSION_FLOW_H
#define DMSQ_TESTS_DIFFUSION_FLOW_H

#include "diffusion/flow.h"
#include "tests/score/models.h"

static const volatile sig_atomic_t never = 0;

struct found {
    double *phi, *latent, *log_q, *error;
    int64_t *evaluations;
    unsigned char *done;
};

static inline struct found found_new(const struct score_model *m, size_t count) {
    return (struct found){
        test_reals(count * m->volume),      test_reals(count * m->volume), test_reals(count), test_reals(count),
        test_alloc(count, sizeof(int64_t)), test_alloc(count, 1)};
}

static inline void found_free(struct found *f) {
    void *all[] = {f->phi, f->latent, f->log_q, f->error, f->evaluations, f->done};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        free(all[i]);
    }
}

static inline struct flow_result result_of(struct found *f) {
    return (struct flow_result){f->log_q, f->error, f->evaluations, f->done, 0};
}

static inline struct found draw(const struct score_model *m, const struct flow_settings *s, size_t first, size_t count,
                                int threads) {
    struct found f = found_new(m, count);
    struct flow_result r = result_of(&f);
    struct error e = {0};
    assert_ok(flow_sample(m, s, first, count, threads, f.phi, f.latent, &r, &never, NULL, &e));
    assert_int_equal(r.finished, count);
    return f;
}

static inline struct found score(const struct score_model *m, const struct flow_settings *s, size_t first, size_t count,
                                 int threads, const double *phi) {
    struct found f = found_new(m, count);
    struct flow_result r = result_of(&f);
    struct error e = {0};
    assert_ok(flow_log_density(m, s, first, count, threads, phi, f.latent, &r, &never, NULL, &e));
    assert_int_equal(r.finished, count);
    memcpy(f.phi, phi, count * m->volume * sizeof *phi);
    return f;
}

static const struct flow_settings methods[] = {
    {.method = RUNGE_KUTTA_DOPRI5, .tolerance = 1e-5, .divergence = FLOW_CLOSED, .t_start = 1e-5, .seed = 1},
    {.method = RUNGE_KUTTA_HEUN, .steps = 400, .divergence = FLOW_CLOSED, .t_start = 1e-3, .seed = 2},
    {.method = RUNGE_KUTTA_RK4, .steps = 60, .divergence = FLOW_CLOSED, .t_start = 1e-5, .seed = 3},
};

#endif
