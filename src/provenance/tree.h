/* Folders as a whole: all their files, in an order that does not depend on the file system. */
#ifndef DMSQ_PROVENANCE_TREE_H
#define DMSQ_PROVENANCE_TREE_H

#include <stddef.h>

#include "base/error.h"

struct tree {
    char **paths; /* of files, below the folder, sorted by their bytes; links to files count as files */
    size_t count;
};

/* Lists the files below FOLDER/BELOW ("": all). tree_free() also after a failure. */
enum status tree_list(const char *folder, const char *below, struct tree *tree, struct error *e);
void tree_free(struct tree *tree);

/* Copies a file, following links, to a path whose folders are made. Executable files stay so. */
enum status tree_copy(const char *source, const char *path, struct error *e);
/* Writes a text to such a path. */
enum status tree_write(const char *path, const char *text, struct error *e);
/* Gives every file and folder below `folder`, and itself, the same modes everywhere (644 and 755) and one time. */
enum status tree_normalise(const char *folder, long long seconds, struct error *e);
/* Removes the folder with all that is in it; one that is not there is no error. */
enum status tree_remove(const char *folder, struct error *e);

#endif
