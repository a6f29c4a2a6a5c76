/* Parts of the expansion of experiments into nodes (expand.c, checks.c). Private to src/experiment. */
#ifndef DMSQ_EXPERIMENT_EXPAND_H
#define DMSQ_EXPERIMENT_EXPAND_H

#include "experiment/experiment.h"

/* Whether the node agrees with the coordinates on the axes that its family and this one both have. */
bool nodes_agree(const struct node *node, const struct family *family, const char *const *coordinates);

/* The text with values in the place of "{NODE.PARAMETER}", so that titles say what was computed, also when SET changes
 * it; other braces stay. NODE comes before `node` in order of dependence (NULL: any). NULL: out of memory. */
const char *fill_in(struct pool *pool, const struct experiment *x, const struct node *node, const char *text);
/* The same for the texts among the node's parameters. */
enum status fill_in_texts(struct pool *pool, const struct experiment *x, const struct node *node, struct error *e);

/* Where the stage has a parameter "altered": sets it to the numbers, from 1 on, of the inputs (of those that are lists)
 * that a profile or SET makes others than the experiment's file says. */
enum status name_altered_inputs(struct pool *pool, const struct node *node, struct error *e);

/* Nodes that make configurations of the same random numbers may not meet in a third: data for training and for testing
 * would not be independent. Those of one family may (nested sets in a sweep of their size). */
enum status check_shared_random_numbers(struct pool *pool, const struct experiment *x, struct error *e);

#endif
