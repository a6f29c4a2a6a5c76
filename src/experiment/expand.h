/* Parts of the expansion of experiments into nodes (expand.c, checks.c). Private to src/experiment. */
#ifndef DMSQ_EXPERIMENT_EXPAND_H
#define DMSQ_EXPERIMENT_EXPAND_H

#include "experiment/experiment.h"

/* True if the node has these coordinates (of `family`) on all axes that its own family and `family` share. */
bool nodes_agree(const struct node *node, const struct family *family, const char *const *coordinates);

/* The text with "{NODE.PARAMETER}" replaced by values, so that titles state what was computed even if SET changes it.
 * Other braces are unchanged. NODE must precede `node` in the order of dependence (NULL: any). NULL: out of memory. */
const char *fill_in(struct pool *pool, const struct experiment *x, const struct node *node, const char *text);
/* The same for the texts among the node's parameters. */
enum status fill_in_texts(struct pool *pool, const struct experiment *x, const struct node *node, struct error *e);

/* Sets the parameter "altered", if the stage has it, to the positions (from 1) of those nodes, in inputs that are
 * lists, that a profile or SET changed from the experiment's file. */
enum status name_altered_inputs(struct pool *pool, const struct node *node, struct error *e);

/* STATUS_BAD_INPUT: a node depends on two nodes that make configurations from the same random numbers, so that data for
 * training and testing, say, are not independent. Two nodes of one family are accepted (nested sets, in a sweep of
 * their size). */
enum status check_shared_random_numbers(struct pool *pool, const struct experiment *x, struct error *e);

#endif
