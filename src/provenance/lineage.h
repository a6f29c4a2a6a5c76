/* Lineage: the run records under a folder of results, as a graph from artifacts to those they were made from. */
#ifndef DMSQ_PROVENANCE_LINEAGE_H
#define DMSQ_PROVENANCE_LINEAGE_H

#include <stddef.h>

#include "base/error.h"
#include "store/record.h"

struct lineage;

/* Reads ROOT/artifacts/KEY/run.json of every artifact; a root that is not there has none. A record that cannot be read
 * is STATUS_BAD_INPUT. */
enum status lineage_read(const char *root, struct lineage **lineage, struct error *e);
void lineage_free(struct lineage *lineage);
const char *lineage_root(const struct lineage *lineage);

/* The records, in the order of their keys. */
size_t lineage_count(const struct lineage *lineage);
const struct record *lineage_at(const struct lineage *lineage, size_t i);

/* The record of the artifact with this key; NULL: there is none. */
const struct record *lineage_find(const struct lineage *lineage, const char *key);
/* The record whose key begins so (at least 4 hex digits); STATUS_BAD_INPUT for none, or for several. */
enum status lineage_find_prefix(const struct lineage *lineage, const char *prefix, const struct record **record,
                                struct error *e);
/* What a node ("table1/generated") was last: the artifact that the link ROOT/table1/generated.npz leads to, or else,
 * and for figures and tables, the youngest run with this label. NULL: it was never computed. */
const struct record *lineage_last(const struct lineage *lineage, const char *label);

/* The keys of all folders ROOT/artifacts/KEY, also of those whose runs failed. The caller frees each and the list. */
enum status lineage_keys(const char *root, char ***keys, size_t *count, struct error *e);

/* All attempts to make an artifact, ROOT/artifacts/KEY/runs/NAME.json, in the order of their starts. The caller frees
 * the records and the list. Of a folder that is not there the list is empty. */
enum status lineage_attempts(const char *root, const char *key, struct record ***records, size_t *count,
                             struct error *e);

#endif
