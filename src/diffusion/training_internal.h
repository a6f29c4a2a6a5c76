/* Shared by training.c, training_checkpoint.c and training_state.c, and private to them. */
#ifndef DMSQ_DIFFUSION_TRAINING_INTERNAL_H
#define DMSQ_DIFFUSION_TRAINING_INTERNAL_H

#include "backend/cpu.h"
#include "base/random.h"
#include "diffusion/training.h"

struct training {
    struct score_model *model;
    size_t count; /* configurations */
    struct training_settings settings;
    struct backend_cpu cpu;  /* the CPU as a backend, if no device is used */
    struct backend *backend; /* the backend that computes the training */
    struct backend_training *work;
    /* state; weights, moments and average are those of the backend after training_pull */
    float *weights, *first_moment, *second_moment, *average;
    int64_t epoch, step;
    double *loss; /* (epochs) */
    float *kept;  /* (settings.keep_count, weights) */
    double *took; /* seconds of the `timed` epochs that this process has made */
    size_t timed;
    /* workspace for the steps of one call, and for one epoch */
    uint32_t *order;
    double *epoch_loss; /* (batches of an epoch) */
    struct backend_example *examples;
    struct score_frame *frames;
    struct backend_step *steps;
    double *losses;
    struct random_key shuffle, time, noise, sign;
};

/* Sets the order of the configurations in the next epoch. */
void training_shuffle(struct training *t);
/* Copies weights, moments and average from the backend, before they are read. */
enum status training_pull(const struct training *t, struct error *e);

#endif
