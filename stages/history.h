/* The records and temporary files of a stage in its output folder, and the recovery from those of earlier processes:
 *
 *   runs/<UTC>-<host>-<rank>-<pid>.json   the record of every attempt
 *   run.json                the record of the attempt that succeeded
 *   parts/                  parts of the work (parts.h)
 *   partial-OWNER-*         unfinished outputs (base/owner.h); removed by the next process that is alone in the folder
 *   pending-run.json        the finished record, from before the last output is renamed until after
 *
 * All functions except history_is_done, history_look, history_join, history_remove_parts and history_write require that
 * the process holds the exclusive lock of the folder, as far as locks reach, and that its lease is the oldest
 * (heartbeat.h). They do not touch files of a running process on another host. Private to stages/stage.c. */
#ifndef DMSQ_STAGES_HISTORY_H
#define DMSQ_STAGES_HISTORY_H

#include <stdbool.h>

#include "base/error.h"
#include "base/lock.h"
#include "store/record.h"

#define HISTORY_PARTIAL "partial-"

/* Whether the folder has the finished record of the recipe with this key, and nothing pending. Needs no lock. */
bool history_is_done(const char *folder, const char *key);

/* Checks whether the folder can be used, and changes nothing. outputs: whether all outputs exist. *done: they exist,
 * were made by the recipe with this key, and nothing is pending. STATUS_BAD_INPUT: the folder has outputs of another
 * recipe or without a record. */
enum status history_look(const char *folder, const char *key, bool outputs, bool *done, struct error *e);

/* The same for a process that computes a share, which leaves pending outputs to the process that finishes. */
enum status history_join(const char *folder, const char *key, bool outputs, bool *done, struct error *e);

/* Cleans up the folder after history_look(). Records that a killed process left as "running" become "interrupted", and
 * its temporary files are removed. If all outputs exist (`outputs`) but their record is still pending, the record is
 * completed. If some outputs are missing, the others are removed, and run.json too. All records are entered into the
 * ledger. *done: all outputs exist. own: the lease of this process. */
void history_recover(const char *stage, const char *folder, const char *ledger, const struct lock *lock,
                     const struct record *own, bool outputs, const char *const *names, bool *done);

/* Removes this process's temporary files of the outputs `names`, of records and of checkpoints. */
void history_sweep(const char *folder, const char *const *names);

/* Removes parts and checkpoint, which are not needed once the outputs exist. */
void history_remove_parts(const char *folder);

/* Adds oneDNN's version and instruction set and the compiler flags to the record's environment. */
void history_environment(struct record *record);

/* Notes earlier_seconds, the time spent on the checkpoint or the parts in the folder: the sum of the wall times of all
 * attempts since an output was last finished; a killed attempt counts until it last saved. There is no note without
 * checkpoint and parts. */
void history_note_earlier(struct record *record, const char *folder);

/* history_write writes the record of the attempt; history_withdraw removes it if the attempt has done nothing. */
enum status history_write(const struct record *record, const char *folder, struct error *e);
void history_withdraw(const struct record *record, const char *folder);

/* history_prepare writes pending-run.json. Once the outputs are in place, history_finish removes checkpoint and parts,
 * renames pending-run.json to run.json, writes the attempt's record and enters it into the ledger. The run is complete
 * then, so failures of history_finish are only warnings. record: of this process; NULL: that of pending-run.json. */
enum status history_prepare(const struct record *record, const char *folder, struct error *e);
void history_finish(const char *stage, const char *folder, const char *ledger, const struct record *record);

/* Prints "STAGE: TEXT" on stderr; the callback of lock_wait (base/lock.h), whose context is the name of the stage. */
void history_say(const void *stage, const char *text);

/* Enters a record into the ledger (NULL: none). A failure is a warning: the ledger can be rebuilt from the records. */
void history_enter(const char *stage, const struct record *record, const char *ledger);

#endif
