/* What this program was built from, fixed when it was compiled: what git says later, or in another folder, says nothing
 * about the program that runs. See src/tree.sh. */
#ifndef DMSQ_BUILT_H
#define DMSQ_BUILT_H

struct built {
    const char *commit;  /* of the source tree, 40 hexadecimal digits or more; "": not known */
    int dirty;           /* 1: the sources differed from that commit, files that git does not know included; 0: not; -1:
                            not known */
    const char *sources; /* the first 16 hexadecimal digits of the SHA-256 of all source files */
};

extern const struct built built;

#endif
