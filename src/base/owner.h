/* Who writes: names of temporary files, of unfinished outputs and of runs carry the process, its host and its rank, so
 * that processes of hosts that share a file system, or of containers of one host, choose different names, and nobody
 * takes what another is still writing for what a dead process left. */
#ifndef DMSQ_BASE_OWNER_H
#define DMSQ_BASE_OWNER_H

#include <stdbool.h>
#include <stddef.h>

enum { OWNER_HOST = 65, OWNER_NAME = 112 };

struct owner {
    long process;
    char host[OWNER_HOST]; /* as owner_host() gives it; "": not named */
    long rank;
};

/* This process. Its rank is that of srun, mpirun or PMI; 0 where nothing started it with one. */
struct owner owner_here(void);
/* The name of this host, with '_' for what is no letter, digit or one of "-._"; longer ones are cut off. */
void owner_host(char host[OWNER_HOST]);

/* "4242@node17+0": process, host, rank. Files that a process is still writing are PATH.tmp-OWNER, with anything behind
 * it. */
const char *owner_name(char name[OWNER_NAME]);
/* Reads such a name, or a process alone ("4242"), from the beginning of a text; returns its length, 0: there is
 * none. */
size_t owner_read(const char *text, struct owner *owner);

/* Whether it is this process; and whether it is of this host, as one that names none is taken to be. */
bool owner_is_me(const struct owner *owner);
bool owner_is_here(const struct owner *owner);
/* Whether a process of this host has ended; of other hosts that cannot be told: false. */
bool owner_is_gone(const struct owner *owner);

#endif
