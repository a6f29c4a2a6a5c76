/* The list of all stages, for the planner and the tests. make passes it as STAGES, "STAGE(name) STAGE(name)...",
 * from the files in this folder, so that adding a stage is adding its file. */
#include "stages/stage.h"

#define STAGE(name) extern const struct stage stage_##name;
STAGES
#undef STAGE

#define STAGE(name) &stage_##name,
const struct stage *const all_stages[] = {STAGES NULL};
