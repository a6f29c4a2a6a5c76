/* What a kind of score model has to bring: one `const struct score_kind`, in a file of its own, which the table in
 * kinds.h names. Members marked optional may be NULL; a group is there as a whole or not at all.
 *
 * A model is made in one of two ways (stage `train`): `prepare` and then `fit`, or `prepare` with starting weights and
 * then training by gradients (diffusion/training.h). Before that the stage has filled in the lattice, couplings,
 * scaling and propagator (score/dataset.h), of fields treated as `treatment` says.
 *
 * Whatever depends on configurations is independent from one to the next: the bits of a configuration are the same in
 * any company, in any worker, for any number of threads. */
#ifndef DMSQ_SCORE_KIND_H
#define DMSQ_SCORE_KIND_H

#include "base/parameters.h"
#include "score/dataset.h"
#include "score/refresh.h"
#include "score/score.h"

/* What a fit is given. Fields: count x volume, treated and scaled. */
struct score_fit {
    const struct parameters *parameters; /* of the stage `train` */
    const float *fields;
    size_t count;
    int threads;
    const volatile sig_atomic_t *interrupted;
    int quiet;                          /* no progress (base/progress.h) */
    const struct score_model *transfer; /* a model of the kind, of another lattice, to take coefficients from; or NULL
                                           */
};

struct score_kind {
    const char *name; /* in parameters and artifacts */
    bool excess;      /* whether its loss is worth comparing with that of the Wiener filter (diffusion/excess.h) */
    bool transfers;   /* whether it takes coefficients over from another lattice */
    bool smooth;      /* whether it wants a smoothed propagator (lattice/propagator.h) */
    bool cpu_only;    /* refuses other backends; else those that do not support it leave it to the CPU */
    size_t capacity;  /* configurations of one call; 0: SCORE_BATCH */

    /* --- making a model ------------------------------------------------------------------------- */

    /* Optional: checks of its parameters, by planner and stage. STATUS_BAD_INPUT with `where` in front. */
    enum status (*check)(const struct parameters *p, const char *where, struct error *e);
    /* Optional: whether it is for such a lattice, with these parameters; any lattice without. */
    enum status (*suits)(const struct parameters *p, size_t dimensions, const size_t *extents, struct error *e);
    /* Optional: what is done to fields before they are learned from (score/dataset.h): the scaling, which is what the
     * parameter of that name says unless this changes it, and whether they are turned to one phase. */
    void (*treatment)(const struct parameters *p, enum dataset_scaling *scaling, bool *one_phase);
    /* Optional: what the kind has of its own, from the parameters of the stage `train`: m->own, m->weights to start
     * from. */
    enum status (*prepare)(struct score_model *m, const struct parameters *p, struct error *e);
    /* Optional: fits the model, in a few minutes at most: there is no checkpoint on the way. STATUS_FAILED "interrupted
     * ..." where *fit->interrupted became nonzero. */
    enum status (*fit)(struct score_model *m, const struct score_fit *fit, struct error *e);

    /* --- its artifact: what score_model.c does not know ------------------------------------------- */

    enum status (*add)(const struct score_model *m, struct npz_writer *writer, struct error *e); /* optional */
    /* Optional. lattice and propagator are there; on failure release is called. */
    enum status (*read)(const struct npz *npz, struct score_model *m, struct error *e);
    void (*release)(struct score_model *m); /* optional: m->own */

    /* Optional: what a frame has but noise and t, which are there. */
    void (*frame)(const struct score_model *m, struct score_frame *frame);

    /* --- computing: what workers share, and one of them ------------------------------------------- */

    enum status (*shared_new)(const struct score_model *m, void **shared, struct error *e);
    void (*shared_free)(void *shared); /* accepts NULL, as worker_free does */
    enum status (*worker_new)(void *shared, void **worker, struct error *e);
    void (*worker_free)(void *worker);
    enum status (*evaluate)(void *worker, int n, const float *phi, const double *t, float *out, struct error *e);
    enum status (*vjp)(void *worker, int n, const float *probe, float *out, struct error *e);
    /* Optional: the divergence in closed form. */
    enum status (*divergence)(void *worker, int n, double *traces, struct error *e);
    /* Optional: see score_flop. */
    double (*flop)(const void *shared);

    /* --- optional: training by gradients ----------------------------------------------------------- */

    void (*set_weights)(void *shared, const float *weights);
    enum status (*weight_gradient)(void *worker, int n, const float *g, float *packed, struct error *e);
    size_t (*gradient_size)(const void *shared);
    void (*unpack_gradient)(void *shared, const float *packed, float *gradient);

    /* --- optional: the flow in normalised modes ---------------------------------------------------- */

    /* See score_model_modes. */
    enum status (*modes)(const struct score_model *m, const struct score_modes *work, struct error *e);

    /* --- optional: fields without a process -------------------------------------------------------- */

    /* See score_model_draw. */
    enum status (*draw)(const struct score_model *m, const struct score_draw *draw, struct error *e);

    /* --- optional: partial refresh ----------------------------------------------------------------- */

    const struct score_refresh *refresh;
};

/* The kind of that name, or NULL; and the names of all: "unet, gaussian or toy". */
const struct score_kind *score_kind_find(const char *name);
void score_kind_names(char *text, size_t size);

/* For `add` and `read` of a kind. Adds a copy, which the writer frees. */
enum status score_add_copy(struct npz_writer *writer, const char *name, enum npz_type type, size_t dimensions,
                           const size_t *shape, const void *data, size_t size, struct error *e);
/* Reads a text that must be one of `count` words; *which is the index of the one. */
enum status score_read_word(const struct npz *npz, const char *name, const char *const *words, int count, int *which,
                            struct error *e);

#endif
