/* Parameters that several stages have in common, each declared once; stages add their own help texts and defaults. */
#ifndef DMSQ_STAGES_SHARED_PARAMETERS_H
#define DMSQ_STAGES_SHARED_PARAMETERS_H

#include "base/parameters.h"
#include "lattice/theory.h"

/* Seeds up to 2^53, which a double represents exactly. */
#define PARAMETER_SEED(text) \
    { \
        .name = "seed", .type = PARAMETER_INTEGER, .default_value = "1", .minimum = 0, .maximum = 9007199254740992.0, \
        .help = text \
    }

#define PARAMETER_CONFIGURATIONS(usual, least, text) \
    { \
        .name = "configurations", .type = PARAMETER_INTEGER, .default_value = usual, .minimum = least, .maximum = 1e9, \
        .help = text \
    }

#define PARAMETER_STRIDE(usual, what) \
    { \
        .name = "stride", .type = PARAMETER_INTEGER, .default_value = usual, .minimum = 1, .maximum = 1e12, \
        .unit = what, .help = "Steps from one configuration of a chain to the next." \
    }

/* The couplings of the theory, which shared_theory() reads. A default of NULL makes them required. */
#define PARAMETERS_THEORY(usual_kappa, usual_lambda, whose) \
    {.name = "kappa", \
     .type = PARAMETER_REAL, \
     .default_value = usual_kappa, \
     .minimum = -100, \
     .maximum = 100, \
     .help = "Hopping parameter of the action A 4.2" whose}, \
    { \
        .name = "lambda", .type = PARAMETER_REAL, .default_value = usual_lambda, .minimum = 0, .maximum = 1e6, \
        .help = "Quartic coupling of the action A 4.2" whose \
    }

static inline struct theory shared_theory(const struct parameters *p) {
    struct theory theory;
    for (size_t i = 0; i < THEORY_COUPLINGS; i++) {
        *theory_coupling(&theory, i) = parameters_real(p, theory_coupling_name[i]);
    }
    return theory;
}

/* The toy model, a field at a single site. */
#define PARAMETERS_TOY(usual_mu2, whose) \
    {.name = "mu2", \
     .type = PARAMETER_REAL, \
     .default_value = usual_mu2, \
     .minimum = -1000, \
     .maximum = 1e6, \
     .help = "Squared mass mu^2" whose "; below zero the action is a double well."}, \
    { \
        .name = "g", .type = PARAMETER_REAL, .default_value = "0.4", .minimum = 0, .maximum = 1e6, \
        .help = "Coupling of phi^4/24." \
    }

#define PARAMETER_SIGMA \
    { \
        .name = "sigma", .type = PARAMETER_REAL, .default_value = "25", .minimum = 1.001, .maximum = 1e6, \
        .help = "Base of the noise schedule g(t) = sigma^t (A 3.6)." \
    }

/* The smallest time of the probability flow and of the reverse process. */
#define PARAMETER_T_START(text) \
    { \
        .name = "t-start", .type = PARAMETER_REAL, .default_value = "1e-5", .minimum = 1e-10, .maximum = 0.5, \
        .help = text \
    }
#define PARAMETER_T_END(text) \
    { .name = "t-end", .type = PARAMETER_REAL, .default_value = "1e-3", .minimum = 1e-10, .maximum = 0.5, .help = text }

#endif
