/* Job scripts for Slurm (docs/cluster.md): one a node of an experiment that is not computed, and a list of them. */
#ifndef DMSQ_EXPERIMENT_JOBS_H
#define DMSQ_EXPERIMENT_JOBS_H

#include "experiment/plan.h"

struct jobs_request {
    const char *folder;                     /* where scripts, logs and the list go; exists */
    const char *partition, *account, *time; /* of sbatch; "": as Slurm has it */
    size_t parts;                           /* shares that the items of a node are split into, at most; >= 1 */
    int cores;                              /* of a job that computes with threads */
};

/* Writes FOLDER/NODE.sh for each node whose output is not there, to be called as `part` (an element of a job array),
 * `finish` or `whole`, and FOLDER/nodes, a line a node in the order of dependence: name, key, number of parts, script
 * ("-": nothing to do), and the keys of its inputs, separated by tabs and blanks. A job that Slurm warns of its time
 * limit ends its stage as an interruption does and is queued again, but not twice if it saves nothing. */
enum status jobs_write(const struct plan *plan, const struct experiment *x, const struct jobs_request *request,
                       struct error *e);

#endif
