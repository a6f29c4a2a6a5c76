/* What a stage leaves in its output folder about itself, and what it finds there from before:
 *
 *   runs/<UTC>-<host>-<rank>-<pid>.json   the record of every attempt
 *   run.json                the record of the attempt that succeeded
 *   parts/                  parts of the work (parts.h)
 *   partial-OWNER-*         outputs not finished (base/owner.h; removed by the next process that is alone in the
 *                           folder)
 *   pending-run.json        the finished record, from before the last output is renamed until after
 *
 * All functions but history_is_done, history_look, history_join, history_remove_parts and history_write are for the
 * process that holds the lock of the folder alone, as far as locks reach, and whose lease is the oldest (heartbeat.h):
 * they leave alone what another host's living process has there. Private to stages/stage.c. */
#ifndef DMSQ_STAGES_HISTORY_H
#define DMSQ_STAGES_HISTORY_H

#include <stdbool.h>

#include "base/error.h"
#include "base/lock.h"
#include "store/record.h"

#define HISTORY_PARTIAL "partial-"

/* Whether the folder has the finished record of the recipe with this key, and nothing pending. Needs no lock. */
bool history_is_done(const char *folder, const char *key);

/* Looks whether the folder is one to work in, where the outputs are there or not (`outputs`), and changes nothing.
 * *done: they are there and made by the recipe with this key, and there is nothing to complete. Outputs of another
 * recipe, or without a record, are STATUS_BAD_INPUT. */
enum status history_look(const char *folder, const char *key, bool outputs, bool *done, struct error *e);

/* The same for a process that computes a share beside others, which has nothing to complete. */
enum status history_join(const char *folder, const char *key, bool outputs, bool *done, struct error *e);

/* Takes stock of the folder after history_look(). Records that a killed process left as "running" become "interrupted",
 * its temporary files are removed, and when the outputs are there (`outputs`) but their record is still pending, it
 * is completed; when they are not all there, those that are go, and run.json with them. The ledger takes in what the
 * records say. *done: the outputs are there.
 * own: the lease of this process. */
void history_recover(const char *stage, const char *folder, const char *ledger, const struct lock *lock,
                     const struct record *own, bool outputs, const char *const *names, bool *done);

/* Removes this process's temporary files of the outputs `names`, and of what this file keeps; nothing else. */
void history_sweep(const char *folder, const char *const *names);

/* Removes parts and checkpoint: of no use once the outputs are there. */
void history_remove_parts(const char *folder);

/* Adds what the store cannot know: oneDNN, its instruction set, how the program was compiled. */
void history_environment(struct record *record);

/* Notes earlier_seconds, what went into the checkpoint or the parts of the folder: the wall times of the attempts since
 * an output was last finished; of one that was killed until it last saved. No note: there is neither. */
void history_note_earlier(struct record *record, const char *folder);

/* Writes the record of the attempt; removes it, as one that has done nothing. */
enum status history_write(const struct record *record, const char *folder, struct error *e);
void history_withdraw(const struct record *record, const char *folder);

/* Writes pending-run.json; and once the outputs are in place, removes checkpoint and parts, makes it run.json and the
 * attempt's record, and enters it into the ledger. From then on the run is done, so what fails is only warned of.
 * record: of this process; NULL: that of pending-run.json. */
enum status history_prepare(const struct record *record, const char *folder, struct error *e);
void history_finish(const char *stage, const char *folder, const char *ledger, const struct record *record);

/* Prints "STAGE: TEXT"; for lock_wait (base/lock.h), whose context is the name of the stage. */
void history_say(const void *stage, const char *text);

/* Enters a record into the ledger (NULL: none), or warns: the ledger can be rebuilt from the records. */
void history_enter(const char *stage, const struct record *record, const char *ledger);

#endif
