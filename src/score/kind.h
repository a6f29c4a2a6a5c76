/* The definition of a kind of score model: one `const struct score_kind` in a file of its own, listed in the table of
 * kinds.h. Members marked optional may be NULL; an optional group is either complete or absent.
 *
 * A model is made in one of two ways (stage `train`): by `prepare` and `fit`, or by `prepare`, which sets starting
 * weights, and training by gradient descent (diffusion/training.h). Before that the stage sets the lattice, couplings,
 * scaling and propagator (score/dataset.h), from fields treated by `treatment`.
 *
 * Configurations are independent of each other: the bits of a configuration do not depend on the others of a call, on
 * the worker, or on the number of threads. */
#ifndef DMSQ_SCORE_KIND_H
#define DMSQ_SCORE_KIND_H

#include "base/parameters.h"
#include "score/dataset.h"
#include "score/refresh.h"
#include "score/score.h"

/* The input of a fit. */
struct score_fit {
    const struct parameters *parameters; /* of the stage `train` */
    const float *fields;                 /* (count, volume), treated and scaled */
    size_t count;
    int threads;
    const volatile sig_atomic_t *interrupted;
    int quiet;                          /* no progress (base/progress.h) */
    const struct score_model *transfer; /* a model of this kind on another lattice, whose coefficients are used; or
                                           NULL */
};

struct score_kind {
    const char *name; /* in parameters and artifacts */
    bool excess;      /* whether its loss is compared with that of the Wiener filter (diffusion/excess.h) */
    bool transfers;   /* whether it can use coefficients from another lattice */
    bool smooth;      /* whether its propagator is smoothed by default (lattice/propagator.h) */
    bool cpu_only;    /* other backends are refused; otherwise a backend without support leaves the model to the CPU */

    /* --- making a model ------------------------------------------------------------------------- */

    /* Optional: checks its parameters, in the planner and the stage. STATUS_BAD_INPUT: the message begins with
     * `where`. */
    enum status (*check)(const struct parameters *p, const char *where, struct error *e);
    /* Optional: checks that it can be used on this lattice with these parameters; without it, any lattice is
     * accepted. */
    enum status (*suits)(const struct parameters *p, size_t dimensions, const size_t *extents, struct error *e);
    /* Optional: changes the treatment of the fields before training (score/dataset.h): the scaling, by default that of
     * the parameter of this name, and whether they are sign-flipped to one phase. */
    void (*treatment)(const struct parameters *p, enum dataset_scaling *scaling, bool *one_phase);
    /* Optional: sets m->own, and m->weights to their starting values, from the parameters of the stage `train`. */
    enum status (*prepare)(struct score_model *m, const struct parameters *p, struct error *e);
    /* Optional: fits the model. It should take a few minutes at most, since there are no checkpoints. STATUS_FAILED
     * "interrupted ...": *fit->interrupted became nonzero. */
    enum status (*fit)(struct score_model *m, const struct score_fit *fit, struct error *e);

    /* --- its artifact: the arrays that score_model.c does not handle ------------------------------ */

    enum status (*add)(const struct score_model *m, struct npz_writer *writer, struct error *e); /* optional */
    /* Optional. Lattice and propagator have been read; after a failure release is called. */
    enum status (*read)(const struct npz *npz, struct score_model *m, struct error *e);
    void (*release)(struct score_model *m); /* optional: releases m->own */

    /* Optional: sets the members of a frame other than noise and t, which are set. */
    void (*frame)(const struct score_model *m, struct score_frame *frame);

    /* --- computing: state shared by workers, and workers ------------------------------------------ */

    /* Optional: see score_batch; without it SCORE_BATCH. */
    size_t (*batch)(const struct score_model *m);
    enum status (*shared_new)(const struct score_model *m, size_t batch, void **shared, struct error *e);
    void (*shared_free)(void *shared); /* accepts NULL, as worker_free does */
    enum status (*worker_new)(void *shared, void **worker, struct error *e);
    void (*worker_free)(void *worker);
    enum status (*evaluate)(void *worker, int n, const float *phi, const double *t, float *out, struct error *e);
    enum status (*vjp)(void *worker, int n, const float *probe, float *out, struct error *e);
    /* Optional: the divergence in closed form. */
    enum status (*divergence)(void *worker, int n, double *traces, struct error *e);

    /* --- optional: training by gradients ----------------------------------------------------------- */

    /* Optional: after the last step, changes what differs between training and use. */
    void (*trained)(struct score_model *m);
    void (*set_weights)(void *shared, const float *weights);
    enum status (*weight_gradient)(void *worker, int n, const float *g, float *packed, struct error *e);
    size_t (*gradient_size)(const void *shared);
    void (*unpack_gradient)(void *shared, const float *packed, float *gradient);

    /* --- optional: the flow in normalised modes ---------------------------------------------------- */

    /* See score_model_modes. */
    enum status (*modes)(const struct score_model *m, const struct score_modes *work, struct error *e);

    /* --- optional: draws without a process --------------------------------------------------------- */

    /* See score_model_draw. */
    enum status (*draw)(const struct score_model *m, const struct score_draw *draw, struct error *e);

    /* --- optional: partial refresh ----------------------------------------------------------------- */

    const struct score_refresh *refresh;
};

/* The kind of that name, or NULL; and a list of all names, "unet, gaussian or toy". */
const struct score_kind *score_kind_find(const char *name);
void score_kind_names(char *text, size_t size);

/* For `add` of a kind: adds a copy of the data, which the writer frees. */
enum status score_add_copy(struct npz_writer *writer, const char *name, enum npz_type type, size_t dimensions,
                           const size_t *shape, const void *data, size_t size, struct error *e);
/* For `read` of a kind: reads a text that must be one of `count` words, and sets *which to its index. */
enum status score_read_word(const struct npz *npz, const char *name, const char *const *words, int count, int *which,
                            struct error *e);

#endif
