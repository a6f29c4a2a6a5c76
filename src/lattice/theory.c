#include "lattice/theory.h"

const char *const theory_name = "phi^4";
const char *const theory_coupling_name[THEORY_COUPLINGS] = {"kappa", "lambda"};

enum status theory_check(const struct theory *t, size_t dimensions, struct error *e) {
    if (!isfinite(t->kappa) || !isfinite(t->lambda) || t->lambda < 0.0) {
        return error_set(e, STATUS_BAD_INPUT, "kappa %g, lambda %g found, finite kappa and lambda >= 0 expected",
                         t->kappa, t->lambda);
    }
    if (t->lambda == 0.0 && 2.0 * fabs(t->kappa) * (double)dimensions >= 1.0) {
        return error_set(
            e, STATUS_BAD_INPUT,
            "kappa %g with lambda 0 in %zu dimensions: the action is not bounded below, |kappa| < %g expected",
            t->kappa, dimensions, 0.5 / (double)dimensions);
    }
    return STATUS_OK;
}

enum status theory_same(const struct theory *a, const struct theory *b, const char *where, const char *whose,
                        struct error *e) {
    if (a->kappa == b->kappa && a->lambda == b->lambda) {
        return STATUS_OK;
    }
    return error_set(e, STATUS_BAD_INPUT, "%s: kappa %g, lambda %g found, %g and %g of %s expected", where, b->kappa,
                     b->lambda, a->kappa, a->lambda, whose);
}
