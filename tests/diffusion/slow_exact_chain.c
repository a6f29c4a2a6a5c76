/* A long chain of proposals that are wrong on purpose against equilibrium on 8x8: relative errors of a few 10^-4. About
 * a minute on two cores. */
#include "base/sum.h"
#include "tests/diffusion/exact_chain.h"

enum { PROPOSALS = 3000000 };

static void symmetric(void **state) {
    (void)state;
    struct run reference = exact_ensemble(0.21, 512, 1, 17);
    struct score_model m = exact_model(&reference, 1);
    assert_exact(&m, 0.21, PROPOSALS, 15, exact_symmetric, 4, 5);
    score_model_release(&m);
    m = exact_model(&reference, 1.1);
    assert_exact(&m, 0.21, PROPOSALS, 16, exact_symmetric, 4, 100);
    score_model_release(&m);
    run_free(&reference);
}

static void towards_the_transition(void **state) {
    (void)state;
    double expected[EXACT_QUANTITIES][2];
    struct run reference = exact_ensemble(0.25, 256, 1500, 18);
    exact_expected(&reference, expected);
    struct score_model m = exact_model(&reference, 1);
    assert_exact(&m, 0.25, PROPOSALS, 17, (const double(*)[2])expected, 4, 5);
    score_model_release(&m);
    run_free(&reference);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(symmetric), cmocka_unit_test(towards_the_transition)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
