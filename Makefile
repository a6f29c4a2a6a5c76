# dmsq: diffusion models as stochastic quantization. `make help` lists the targets.
#
# Folders of src/ become static libraries that see only the folders below them (DEPENDS_*), so the
# direction of dependencies is checked by the linker.

CC       ?= gcc
ARCH     ?= native
BUILD    := build$(if $(SANITIZE),/sanitize)
CPPFLAGS := -Isrc -I. -D_GNU_SOURCE
WARNINGS := -Wall -Wextra -Wundef -Wshadow -Wconversion -Wcast-qual -Wstrict-prototypes -Wmissing-prototypes -Werror
CFLAGS   := -std=c11 -O3 -g -march=$(ARCH) -ffp-contract=off -fno-math-errno -fopenmp $(WARNINGS)
LDLIBS   := -ldnnl -lsqlite3 -lzip -lz -lcrypto -linih -ljansson -lm
ifdef SANITIZE
CFLAGS   += -O1 -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
endif

FOLDERS          := base store lattice network statistics diffusion experiment report
DEPENDS_base     :=
DEPENDS_store    := base
DEPENDS_lattice  := base
DEPENDS_network  := base
DEPENDS_statistics := base
DEPENDS_experiment := store base
DEPENDS_report := store statistics base
DEPENDS_diffusion := store lattice network statistics base
LINK_ORDER       := report experiment diffusion statistics network lattice store base

objects = $(patsubst %.c,$(BUILD)/%.o,$(wildcard src/$(1)/*.c))
STAGES  := $(filter-out main stage command history all plan bench ledger,$(basename $(notdir $(wildcard stages/*.c))))
# what every stage program links
SUPPORT := $(patsubst %,$(BUILD)/stages/%.o,stage command history)
STAGE_OBJECTS := $(patsubst %,$(BUILD)/stages/%.o,$(STAGES))
LIBRARIES := $(foreach f,$(LINK_ORDER),$(BUILD)/lib$(f).a)
TESTS   := $(patsubst tests/%.c,$(BUILD)/tests/%,$(wildcard tests/*/test_*.c))

.SECONDARY:
all: $(patsubst %,$(BUILD)/bin/%,$(STAGES))

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c $< -o $@

# The flags go into run records; the list of stages comes from the files there are.
$(BUILD)/stages/history.o: CPPFLAGS += '-DDMSQ_CFLAGS="$(filter-out -W%,$(CFLAGS))"'
$(BUILD)/stages/all.o: CPPFLAGS += '-DSTAGES=$(foreach s,$(STAGES),STAGE($(subst -,_,$s)))'
$(BUILD)/stages/all.o: $(wildcard stages/*.c)

define library
$(BUILD)/lib$(1).a: $(call objects,$(1))
	@rm -f $$@; ar rcsD $$@ $$^
endef
$(foreach f,$(FOLDERS),$(eval $(call library,$(f))))

$(BUILD)/stages/main-%.o: stages/main.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) -DSTAGE=stage_$(subst -,_,$*) -MMD -MP -c $< -o $@

$(BUILD)/bin/%: $(BUILD)/stages/main-%.o $(BUILD)/stages/%.o $(SUPPORT) $(LIBRARIES)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -o $@ $^ $(LDLIBS)

$(BUILD)/bin/ledger: $(BUILD)/stages/ledger.o $(BUILD)/libstore.a $(BUILD)/libbase.a
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -o $@ $^ $(LDLIBS)

# A test of folder F links F and what F may depend on; tests of stages link everything.
define tests_of
$(BUILD)/tests/$(1)/%: $(BUILD)/tests/$(1)/%.o $(foreach f,$(LINK_ORDER),$(if $(filter $(f),$(1) $(DEPENDS_$(1)) $(if $(filter network,$(1)),store)),$(BUILD)/lib$(f).a))
	$(CC) $(CFLAGS) -o $$@ $$^ $(LDLIBS) -lcmocka
endef
$(foreach f,$(FOLDERS),$(eval $(call tests_of,$(f))))
$(BUILD)/tests/stages/%: $(BUILD)/tests/stages/%.o $(STAGE_OBJECTS) $(SUPPORT) $(BUILD)/stages/all.o $(LIBRARIES)
	$(CC) $(CFLAGS) -o $@ $^ $(LDLIBS) -lcmocka

test: $(TESTS)
	@failed=0; for t in $(TESTS); do echo "== $$t"; $$t || failed=1; done; exit $$failed

clean:
	rm -rf build

.PHONY: all test clean
-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
