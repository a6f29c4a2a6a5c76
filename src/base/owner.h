/* The process that writes a file. Names of temporary files, unfinished outputs and runs contain its number, host and
 * rank. So processes choose different names, even on hosts that share a file system or in containers of one host, and a
 * file that is still being written is not mistaken for one left by a killed process. */
#ifndef DMSQ_BASE_OWNER_H
#define DMSQ_BASE_OWNER_H

#include <stdbool.h>
#include <stddef.h>

enum { OWNER_HOST = 65, OWNER_NAME = 112 };

struct owner {
    long process;
    char host[OWNER_HOST]; /* as from owner_host(); "": unknown */
    long rank;
};

/* This process. Its rank is the one given by srun, mpirun or PMI, else 0. */
struct owner owner_here(void);
/* The name of this host, truncated to OWNER_HOST - 1 characters; all but letters, digits and "-._" are replaced by
 * '_'. */
void owner_host(char host[OWNER_HOST]);

/* The name of this process, as "4242@node17+0" (process, host, rank). Files that it is still writing are called
 * PATH.tmp-OWNER, with any ending. */
const char *owner_name(char name[OWNER_NAME]);
/* Reads such a name, or a process number alone ("4242"), from the beginning of a text. Returns its length, 0 if there
 * is none. */
size_t owner_read(const char *text, struct owner *owner);

/* True if the owner is this process. */
bool owner_is_me(const struct owner *owner);
/* True if the owner is a process of this host; one without a host is assumed to be. */
bool owner_is_here(const struct owner *owner);
/* True if the owner was a process of this host and has ended. False for other hosts, whose processes cannot be seen. */
bool owner_is_gone(const struct owner *owner);

#endif
