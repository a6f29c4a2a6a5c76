/* What training.c, training_checkpoint.c and training_state.c share; nobody else's. */
#ifndef DMSQ_DIFFUSION_TRAINING_INTERNAL_H
#define DMSQ_DIFFUSION_TRAINING_INTERNAL_H

#include "backend/backend.h"
#include "base/random.h"
#include "diffusion/training.h"

struct training {
    struct score_model *model;
    const float *fields;
    size_t count;
    struct training_settings settings;
    int threads;
    struct score *score;
    struct score_worker **workers;
    /* state */
    float *weights, *first_moment, *second_moment, *average;
    int64_t epoch, step;
    double *loss; /* epochs */
    float *kept;  /* settings.keep_count x weights */
    double *took; /* seconds of the epochs that this process has done: timed of them */
    size_t timed;
    /* room for one step and one epoch */
    uint32_t *order;
    double *batch_loss;      /* batch: loss of each configuration */
    double *epoch_loss;      /* batches of an epoch */
    float **packed;          /* a gradient a micro-batch */
    size_t micro_batches;    /* at most, in one batch */
    float *gradient;
    float *room;             /* a thread: fields, noise and score of a micro-batch */
    struct random_key shuffle, time, noise, sign;
    /* on a device: an epoch's places, the frames around the network and the losses, all in the order of the epoch */
    struct backend_training *remote;
    struct backend_place *places;
    struct score_frame *frames;
    struct backend_step *steps;
    double *losses;
};

/* The order of the configurations in the epoch that comes. */
void training_shuffle(struct training *t);
/* Weights, moments and average from the device to the host, where there is one: before they are read. */
enum status training_pull(const struct training *t, struct error *e);

#endif
