/* Lineage: the run records in a folder of results. By the keys of their inputs they form the graph of the artifacts. */
#ifndef DMSQ_PROVENANCE_LINEAGE_H
#define DMSQ_PROVENANCE_LINEAGE_H

#include <stddef.h>

#include "base/error.h"
#include "store/record.h"

struct lineage;

/* Reads ROOT/artifacts/KEY/run.json of every artifact; a missing ROOT has none. STATUS_BAD_INPUT: a record cannot be
 * read. */
enum status lineage_read(const char *root, struct lineage **lineage, struct error *e);
void lineage_free(struct lineage *lineage);
const char *lineage_root(const struct lineage *lineage);

/* The records, in the order of their keys. */
size_t lineage_count(const struct lineage *lineage);
const struct record *lineage_at(const struct lineage *lineage, size_t i);

/* The record of the artifact with this key; NULL if there is none. */
const struct record *lineage_find(const struct lineage *lineage, const char *key);
/* The record whose key begins with `prefix` (4 to 64 hex digits). STATUS_BAD_INPUT: there is none, or several. */
enum status lineage_find_prefix(const struct lineage *lineage, const char *prefix, const struct record **record,
                                struct error *e);
/* The last result of a node ("table1/generated"): the artifact to which the link ROOT/table1/generated.npz points or,
 * without a link (figures and tables have none), the latest run with this label. NULL: it was never computed. */
const struct record *lineage_last(const struct lineage *lineage, const char *label);

/* The keys of all folders ROOT/artifacts/KEY, including those whose runs failed. The caller frees each key and the
 * list. */
enum status lineage_keys(const char *root, char ***keys, size_t *count, struct error *e);

/* All attempts to make an artifact, ROOT/artifacts/KEY/runs/NAME.json, in the order of their starts; none if the folder
 * is missing. The caller frees the records and the list. */
enum status lineage_attempts(const char *root, const char *key, struct record ***records, size_t *count,
                             struct error *e);

#endif
