/* Archives as files: BagIt bags (RFC 8493, version 1.0, SHA-256) and their .tar.gz. Equal content gives equal bytes. */
#ifndef DMSQ_PROVENANCE_BAG_H
#define DMSQ_PROVENANCE_BAG_H

#include <stddef.h>

#include "base/error.h"

struct bag_field {
    const char *name, *value; /* of bag-info.txt; values of one line, those that are "" are left out */
};

/* Makes a bag of a folder whose payload lies in FOLDER/data: writes bagit.txt, bag-info.txt (with Bagging-Date and
 * Payload-Oxum), manifest-sha256.txt and tagmanifest-sha256.txt, and gives all files and folders fixed modes and the
 * time `seconds`. */
enum status bag_close(const char *folder, const struct bag_field *info, size_t count, long long seconds,
                      struct error *e);

/* Packs FOLDER/NAME with all that is in it into a gzip-compressed tar file, in the order of the names, owned by
 * nobody. */
enum status bag_pack(const char *folder, const char *name, const char *path, long long seconds, struct error *e);

#endif
