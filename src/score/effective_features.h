/* The features of the effective-action model: what the nonlinear part f of its score is linear in.
 *
 * At noise s, with the Wiener filter W(p) = G/(G + s^2) of the propagator G and y the noisy field,
 *   u = W y / sigma_u,  sigma_u^2 = mean over p of W G,           t  = a tanh(u / a)  at every site,
 *   m = zero mode of W y over sqrt(W(0) G(0) / V),                t0 = a tanh(m / a),
 *   C(x) = transform of s^2 W(p),  C^n(x) = (C(x)/C(0))^n without x = 0, over the sum of its moduli.
 * Features and their names:
 *   u               linear
 *   t^p             local potential, p >= 0 (t^0 is the constant 1)
 *   t^p (C^n * t^q) bilocal, the tree and loop graphs of second order: p >= 0, q >= 1, n >= 1
 *   t0^p            constant in x
 *   t0^b t^p        a local potential that depends on the zero mode, b >= 1, p >= 1
 * Features that are odd under phi -> -phi respect the symmetry; even ones are for a field of one phase. */
#ifndef DMSQ_SCORE_EFFECTIVE_FEATURES_H
#define DMSQ_SCORE_EFFECTIVE_FEATURES_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

enum effective_kind { EFFECTIVE_LINEAR, EFFECTIVE_LOCAL, EFFECTIVE_PAIR, EFFECTIVE_ZERO, EFFECTIVE_ZERO_LOCAL };

enum {
    EFFECTIVE_POWERS = 16, /* powers of t are below this */
    EFFECTIVE_KERNELS = 8, /* n of C^n is 1 to this */
    EFFECTIVE_FEATURES = 128,
    EFFECTIVE_NAME = 32
};

struct effective_feature {
    enum effective_kind kind;
    int kernel;       /* n; 0 where there is none */
    int power, inner; /* p, and q or b */
};

struct effective_features {
    size_t count;
    struct effective_feature list[EFFECTIVE_FEATURES];
};

/* The families of features in a list. */
struct effective_families {
    bool even;        /* for a field of one phase: even features as well, and none of the zero mode */
    int local;        /* highest power of the local potential */
    int kernels;      /* kernels n = 1 ... of the pairs; 0: no pairs */
    int pair;         /* highest p + q of a pair */
    int outer, inner; /* highest p, and highest q, of a pair; 0: no limit of their own */
    int linear_pairs; /* kernels n = 1 ... of t^0 (C^n * t^1) */
    int zero;         /* highest power of the zero mode, alone and with the potential; 0: none */
};

/* STATUS_BAD_INPUT: more than EFFECTIVE_FEATURES. */
enum status effective_features_make(const struct effective_families *families, struct effective_features *f,
                                    struct error *e);

/* Whether a feature is bilocal and not linear in t. */
bool effective_feature_is_graph(const struct effective_feature *f);

/* The name of a feature, as above; and the feature of a name, false for a name of none. */
void effective_feature_name(const struct effective_feature *f, char name[EFFECTIVE_NAME]);
bool effective_feature_parse(const char *name, struct effective_feature *f);

#endif
