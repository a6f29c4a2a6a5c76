/* The main of every stage program, compiled once per stage, with STAGE as the name of its declaration. */
#include "stages/stage.h"

#ifndef STAGE
#error "compile with -DSTAGE=stage_NAME"
#endif

extern const struct stage STAGE;

int main(int argc, char **argv) {
    return stage_main(&STAGE, argc, argv);
}
