/* Whole folders: all their files, in an order that does not depend on the file system. Functions fail with
 * STATUS_FAILED and a message that names the file. */
#ifndef DMSQ_PROVENANCE_TREE_H
#define DMSQ_PROVENANCE_TREE_H

#include <stddef.h>

#include "base/error.h"

struct tree {
    char **paths; /* of files, relative to the folder, in byte order; links to files count as files */
    size_t count;
};

/* Lists the files below FOLDER/BELOW ("": all). Call tree_free() also after a failure. */
enum status tree_list(const char *folder, const char *below, struct tree *tree, struct error *e);
void tree_free(struct tree *tree);

/* Copies a file, following links, to `path`, whose folders are created. Executable files remain executable. */
enum status tree_copy(const char *source, const char *path, struct error *e);
/* Writes a text to `path`, whose folders are created. */
enum status tree_write(const char *path, const char *text, struct error *e);
/* Gives `folder` and every file and folder in it the time `seconds` (since 1970) and fixed modes (644; folders and
 * executable files 755). */
enum status tree_normalise(const char *folder, long long seconds, struct error *e);
/* Removes the folder with its contents; a missing folder is no error. */
enum status tree_remove(const char *folder, struct error *e);

#endif
