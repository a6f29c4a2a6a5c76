/* Job scripts for Slurm (docs/cluster.md): one for each node of an experiment that is not computed, and a list of
 * them. */
#ifndef DMSQ_EXPERIMENT_JOBS_H
#define DMSQ_EXPERIMENT_JOBS_H

#include "experiment/plan.h"

struct jobs_request {
    const char *folder;                     /* for scripts, logs and the list; must exist */
    const char *partition, *account, *time; /* options of sbatch; "": Slurm's default */
    size_t parts;                           /* largest number of parts of a node; >= 1 */
    int cores;                              /* cores of a job whose stage has threads */
};

/* Writes FOLDER/NODE.sh for each node that is not computed, and FOLDER/nodes. A script is called with the argument
 * `part` (an element of a job array), `finish` or `whole`. FOLDER/nodes has a line for each node, in the order of
 * dependence: name, key, number of parts, script ("-": nothing to do), separated by tabs, and the keys of its inputs,
 * separated by blanks. A job near its time limit interrupts its stage and is queued again, but not a second time if the
 * stage saved nothing. */
enum status jobs_write(const struct plan *plan, const struct experiment *x, const struct jobs_request *request,
                       struct error *e);

#endif
