/* Archives as files: BagIt bags (RFC 8493, version 1.0, SHA-256) and their .tar.gz. Equal content gives equal bytes. */
#ifndef DMSQ_PROVENANCE_BAG_H
#define DMSQ_PROVENANCE_BAG_H

#include <stddef.h>

#include "base/error.h"

struct bag_field {
    const char *name, *value; /* of bag-info.txt; a value is one line, and "" omits the field */
};

/* Turns a folder whose payload is in FOLDER/data into a bag: writes bagit.txt, bag-info.txt (info[count], Bagging-Date
 * and Payload-Oxum), manifest-sha256.txt and tagmanifest-sha256.txt. All files and folders get fixed modes and the time
 * `seconds` (since 1970). */
enum status bag_close(const char *folder, const struct bag_field *info, size_t count, long long seconds,
                      struct error *e);

/* Packs FOLDER/NAME with its contents into the gzip-compressed tar file `path`, in the order of the names, with user
 * and group 0 and the time `seconds`. */
enum status bag_pack(const char *folder, const char *name, const char *path, long long seconds, struct error *e);

#endif
