/* What a stage leaves in its output folder about itself, and what it finds there from before:
 *
 *   runs/<UTC>-<pid>.json   the record of every attempt
 *   run.json                the record of the attempt that succeeded
 *   parts/                  parts of the work (parts.h)
 *   partial-*               outputs not finished (removed by the next process that holds the lock)
 *   pending-run.json        the finished record, from before the last output is renamed until after
 *
 * All functions but history_is_done and history_join are for the process that holds the lock of the folder alone. Private to stages/stage.c. */
#ifndef DMSQ_STAGES_HISTORY_H
#define DMSQ_STAGES_HISTORY_H

#include <stdbool.h>

#include "base/error.h"
#include "store/record.h"

#define HISTORY_PARTIAL "partial-"

/* Whether the folder has the finished record of the recipe with this key, and nothing pending. Needs no lock. */
bool history_is_done(const char *folder, const char *key);

/* Takes stock of the folder. Records that a killed process left as "running" become "interrupted", its
 * temporary files are removed, and when the outputs are there (`outputs`) but their record is still pending, it
 * is completed; when they are not all there, those that are go, and run.json with them. The ledger takes in what the records
 * say. *done: the outputs are there and made by the recipe with this key. Outputs of another recipe, or
 * without a record, are STATUS_BAD_INPUT. */
enum status history_recover(const char *stage, const char *folder, const char *ledger, const char *key,
                            bool outputs, const char *const *names, bool *done, struct error *e);

/* For a process that computes a share beside others: changes nothing. *done: the outputs are there, so that there is nothing to
 * compute. Outputs of another recipe are STATUS_BAD_INPUT. */
enum status history_join(const char *folder, const char *key, bool outputs, bool *done, struct error *e);

/* Removes temporary files of the outputs `names`, and of what this file keeps; nothing else. */
void history_sweep(const char *folder, const char *const *names);

/* Adds what the store cannot know: oneDNN, its instruction set, how the program was compiled. */
void history_environment(struct record *record);

/* Notes earlier_seconds, what went into the checkpoint or the parts of the folder: the wall times of the attempts since an output
 * was last finished; of one that was killed until it last saved. No note: there is neither. */
void history_note_earlier(struct record *record, const char *folder);

/* Writes the record of the attempt. */
enum status history_write(const struct record *record, const char *folder, struct error *e);

/* Writes pending-run.json; and once the outputs are in place, removes checkpoint and parts, makes it run.json and the attempt's
 * record, and enters it into the ledger. From then on the run is done, so what fails is only warned of. */
enum status history_prepare(const struct record *record, const char *folder, struct error *e);
void history_finish(const char *stage, const char *folder, const char *ledger);

/* Prints "STAGE: TEXT"; for lock_wait (base/lock.h), whose context is the name of the stage. */
void history_say(const void *stage, const char *text);

/* Enters a record into the ledger (NULL: none), or warns: the ledger can be rebuilt from the records. */
void history_enter(const char *stage, const struct record *record, const char *ledger);

#endif
