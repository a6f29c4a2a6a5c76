/* What training.c, training_checkpoint.c and training_state.c share; nobody else's. */
#ifndef DMSQ_DIFFUSION_TRAINING_INTERNAL_H
#define DMSQ_DIFFUSION_TRAINING_INTERNAL_H

#include "backend/cpu.h"
#include "base/random.h"
#include "diffusion/training.h"

struct training {
    struct score_model *model;
    size_t count; /* configurations */
    struct training_settings settings;
    struct backend_cpu cpu;  /* room for the CPU as a backend */
    struct backend *backend; /* what computes it */
    struct backend_training *work;
    /* state; weights, moments and average are those of the backend after training_pull */
    float *weights, *first_moment, *second_moment, *average;
    int64_t epoch, step;
    double *loss; /* epochs */
    float *kept;  /* settings.keep_count x weights */
    double *took; /* seconds of the epochs that this process has done: timed of them */
    size_t timed;
    /* room for the steps of one call, and one epoch */
    uint32_t *order;
    double *epoch_loss; /* batches of an epoch */
    struct backend_example *examples;
    struct score_frame *frames;
    struct backend_step *steps;
    double *losses;
    struct random_key shuffle, time, noise, sign;
};

/* The order of the configurations in the epoch that comes. */
void training_shuffle(struct training *t);
/* Weights, moments and average from the backend, before they are read. */
enum status training_pull(const struct training *t, struct error *e);

#endif
