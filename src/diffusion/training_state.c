/* The state of a training, used by its steps (training.c) and its checkpoints (training_checkpoint.c). */
#include "diffusion/training_internal.h"

void training_shuffle(struct training *t) {
    random_permutation(t->shuffle, 0, (uint64_t)t->epoch, t->order, t->count);
}

enum status training_pull(const struct training *t, struct error *e) {
    return t->backend->training_read(t->work, t->weights, t->first_moment, t->second_moment, t->average, e);
}
