# dmsq: diffusion models as stochastic quantization. `make help` lists the targets.

# --- variables for users -----------------------------------------------------------------------------
PROFILE     ?= paper
SET         ?=
BACKEND     ?= cpu
CUDA        ?= auto
THREADS     ?=
ISA         ?=
EXPERIMENTS ?= experiments
RESULTS     ?= results
FIGURES     ?= figures
# Values set by the user are plain text that make does not expand; SET may have several lines.
define NEWLINE


endef
$(foreach v,PROFILE SET BACKEND THREADS ISA EXPERIMENTS RESULTS FIGURES KEY NODE NAME FORMAT ONLY LAUNCH PARTITION \
    ACCOUNT TIME PARTS GAPS,\
    $(eval override $(v) := $$(subst $$(NEWLINE), ,$$(value $(v)))))
# Some shells do not expand the ~ of RESULTS=~/x.
home = $(patsubst ~/%,$(HOME)/%,$(1))
override EXPERIMENTS := $(call home,$(EXPERIMENTS))
override RESULTS     := $(call home,$(RESULTS))
override FIGURES     := $(call home,$(FIGURES))

ISAS := sse41 avx avx2 avx2_vnni avx512_core avx512_core_vnni avx512_core_bf16 avx512_core_amx
quote = '$(subst ','\'',$(1))'
ifneq ($(ISA),)
ifneq ($(words $(ISA)) $(words $(filter $(ISAS),$(shell printf '%s' $(call quote,$(ISA)) | tr A-Z a-z))),1 1)
$(error ISA='$(ISA)': expected one of $(ISAS))
endif
export ONEDNN_MAX_CPU_ISA := $(shell printf '%s' $(call quote,$(ISA)) | tr a-z A-Z)
endif
# Names of folders and profiles are parts of targets, in which make gives these characters a meaning.
HASH := \#
ODD := : % $(HASH) ; = $$ * ? [ \ ` " | < > !
odd = $(if $(filter 1,$(words $(1))),$(strip $(foreach c,$(ODD),$(findstring $(c),$(1)))),one word)
ifneq ($(call odd,$(RESULTS)),)
$(error RESULTS='$(RESULTS)': expected a folder's name without blanks and without any of $(ODD))
endif
ifneq ($(call odd,$(PROFILE)),)
$(error PROFILE='$(PROFILE)': expected the name of a profile, or of a file that ends in .ini)
endif
ifeq ($(strip $(FIGURES)),)
$(error FIGURES='$(FIGURES)': expected a folder's name)
endif

ifneq ($(filter default undefined,$(origin CC)),)
CC := gcc
endif
# ARCH in the environment is ignored: clusters set it to the output of uname.
ifneq ($(filter environment undefined,$(origin ARCH)),)
ARCH := native
endif
BUILD  ?= build
PREFIX ?= /usr/local
override BUILD  := $(call home,$(value BUILD))
override PREFIX := $(call home,$(PREFIX))
OPEN  := (
CLOSE := )
ifneq ($(strip $(call odd,$(BUILD)) $(foreach c,' & $(OPEN) $(CLOSE),$(findstring $(c),$(BUILD)))),)
$(error BUILD='$(BUILD)': expected a folder's name of letters, digits and - _ . , + @ /)
endif
ifdef SANITIZE
override BUILD := $(patsubst %/sanitize,%,$(BUILD))/sanitize
endif
# Flags set by the user, conda or a cluster's module are added to those that dmsq needs and never replace them: CFLAGS
# come before ours, so that ours take precedence.
ifneq ($(filter -ffast-math -Ofast -funsafe-math-optimizations -fassociative-math,$(CFLAGS)),)
$(error CFLAGS='$(CFLAGS)': results would depend on the compiler; leave out -Ofast and -ffast-math)
endif
FIND = CC=$(call quote,$(CC)) CPPFLAGS=$(call quote,$(CPPFLAGS)) CFLAGS=$(call quote,$(CFLAGS)) \
       LDFLAGS=$(call quote,$(LDFLAGS)) LDLIBS=$(call quote,$(LDLIBS)) sh src/find.sh

MAKEFLAGS += --no-builtin-rules
.SUFFIXES:
.SECONDARY:
.PHONY: all setup install test format check check-slow check-gpu bench ledger ledger-rebuild why diff verify archive \
    report gallery redraw points documents compute export slurm slurm-status help clean FORCE
all:

ifneq ($(filter setup,$(MAKECMDGOALS)),)
# --- make setup, alone or before other goals ---------------------------------------------------------
# Nothing can be built before the libraries are installed, not even the planner, so a second make runs the other goals.
AFTER := $(filter-out setup,$(MAKECMDGOALS))
FIRST := $(firstword $(AFTER))
INSTALL := apt-get install -y --no-install-recommends

setup:
	@if missing=$$($(FIND) missing); then echo "setup: all libraries and tools are installed"; exit 0; fi; \
	packages=$$($(FIND) packages); \
	if command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ]; then \
	    echo "setup: installing $$packages"; \
	    export DEBIAN_FRONTEND=noninteractive; \
	    apt-get update -q && $(INSTALL) $$packages && $(FIND) missing; \
	else \
	    printf '%s\n' "$$missing" >&2; \
	    ! command -v apt-get >/dev/null || echo \
	    "setup: not root; run: sudo apt-get update && sudo $(INSTALL) $$packages" >&2; \
	    echo "setup: libraries elsewhere are found by pkg-config, or by CPPFLAGS=-I... and LDFLAGS=-L..." >&2; exit 1; \
	fi

ifneq ($(AFTER),)
.PHONY: $(AFTER)
$(FIRST): setup
	@$(MAKE) --no-print-directory $(AFTER)
$(filter-out $(FIRST),$(AFTER)): $(FIRST)
	@:
endif

else
# --- building ----------------------------------------------------------------------------------------
# Each folder of src/ becomes a static library that depends only on certain others (DEPENDS_*). `make test` checks this
# for #include lines and, by linking each library with its dependencies alone, for symbols.
FOUND := $(shell $(FIND) flags)
ifneq ($(firstword $(FOUND)),found)
$(error src/find.sh failed: '$(FOUND)')
endif
OUR_CPPFLAGS := $(strip -Isrc -I. -D_GNU_SOURCE $(CPPFLAGS) $(filter -I% -D%,$(FOUND)))
# A checksum of the compiler's macros, and what they tell of it.
COMPILER := $(shell macros=$$($(CC) -march=$(ARCH) -dM -E -x c /dev/null 2>/dev/null); \
    printf '%s\n' "$$macros" | cksum; \
    for word in clang x86_64; do case $$macros in (*__$${word}__*) echo $$word ;; esac; done)
# Warnings are errors only in make check, so that new warnings of another compiler do not stop a build.
WARNINGS := -Wall -Wextra -Wundef -Wshadow -Wconversion -Wcast-qual -Wstrict-prototypes \
    -Wmissing-prototypes$(if $(STRICT), -Werror)
# gcc warns that processors with shorter registers pass vectors differently; ours are passed within dmsq only.
WARNINGS += -Wno-psabi
# clang warns of loops that it does not vectorise for a processor.
WARNINGS += $(if $(filter clang,$(COMPILER)),-Wno-pass-failed)
# No contraction: the bits are the same on every instruction set. No errno, no traps: loops with a square root, or with
# a comparison on processors without masks (AVX2), are vectorised, with the same bits.
OUR_CFLAGS   := $(strip $(CFLAGS) -std=c11 -O3 -g -march=$(ARCH) -ffp-contract=off -fno-math-errno \
                -fno-trapping-math -fopenmp \
                $(WARNINGS))
# Programs remember the folders of libraries.
comma := ,
rpath  = $(patsubst -L%,-Wl$(comma)-rpath$(comma)%,$(filter -L%,$(1)))
OUR_LDLIBS   := $(strip $(LDFLAGS) $(call rpath,$(LDFLAGS) $(FOUND)) $(filter-out found -I% -D%,$(FOUND)) $(LDLIBS))
ifdef SANITIZE
OUR_CFLAGS   += -O1 -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
endif

FOLDERS            := base store lattice network statistics score backend diffusion report experiment provenance
DEPENDS_base       :=
DEPENDS_store      := base
DEPENDS_lattice    := base
DEPENDS_network    := base
DEPENDS_statistics := base
DEPENDS_score      := store lattice network statistics base
DEPENDS_backend    := score store lattice network statistics base
DEPENDS_diffusion  := backend score store lattice network statistics base
DEPENDS_report     := store statistics base
DEPENDS_experiment := store base
DEPENDS_provenance := store base
LINK_ORDER         := provenance experiment report diffusion backend score statistics network lattice store base

libraries = $(foreach f,$(LINK_ORDER),$(if $(filter $(f),$(1)),$(BUILD)/lib$(f).a))
objects   = $(patsubst %.c,$(BUILD)/%.o,$(wildcard src/$(1)/*.c))
LIBRARIES := $(call libraries,$(FOLDERS))

# The CUDA backend if nvcc and cuDNN are found, else cuda/absent.c. Kernels are compiled to machine code for the H100,
# and to PTX for other GPUs from sm_80 on, without contraction: Gaussians have the bits of the CPU.
CUDA_FOUND   := $(if $(SANITIZE),missing a build with sanitizers has none,$(if $(filter no,$(CUDA)),missing the build \
                  was told CUDA=no,$(shell sh cuda/find.sh)))
ifeq ($(filter found missing,$(firstword $(CUDA_FOUND))),)
$(error cuda/find.sh failed: '$(CUDA_FOUND)'; CUDA=no builds without it)
endif
CUDA_ARCH    ?= -gencode arch=compute_90,code=sm_90 -gencode arch=compute_80,code=compute_80
CUDA_MISSING := $(if $(filter missing,$(firstword $(CUDA_FOUND))),$(wordlist 2,100,$(CUDA_FOUND)))
ifeq ($(CUDA_MISSING),)
NVCC          := $(word 2,$(CUDA_FOUND))
CUDNN_LIBRARY := $(word 5,$(CUDA_FOUND))
NVCC_FLAGS    := -std=c++17 -O3 -fmad=false $(CUDA_ARCH) -Xcompiler=-Wall,-Wextra,-Werror -Werror all-warnings
CUDA_INCLUDES := $(addprefix -isystem ,$(sort $(word 3,$(CUDA_FOUND)) $(word 4,$(CUDA_FOUND))))
CUDA_SOURCES  := $(wildcard cuda/*.cu) $(filter-out cuda/absent.c,$(wildcard cuda/*.c))
CUDA_LIBS     := $(addprefix -L$(dir $(NVCC))../,lib64 lib targets/x86_64-linux/lib) $(CUDNN_LIBRARY) \
                 -Wl,-rpath,$(dir $(CUDNN_LIBRARY)) -lcudart_static -ldl -lrt -lpthread -lstdc++
else
CUDA_SOURCES  := cuda/absent.c
endif
CUDA_OBJECTS  := $(patsubst %,$(BUILD)/%.o,$(basename $(CUDA_SOURCES)))
CUDA_LIBRARY  := $(BUILD)/libcuda-backend.a

# A file of stages/ that declares a stage becomes a program with stages/main.c; one with a main of its own is a
# tool; the rest (and all.c, for tools that know all stages) is shared.
STAGE_SOURCES := $(shell grep -l '^const struct stage stage_' stages/*.c)
TOOL_SOURCES  := $(filter-out stages/main.c,$(shell grep -l '^int main.int' stages/*.c))
STAGES        := $(basename $(notdir $(STAGE_SOURCES)))
TOOLS         := $(basename $(notdir $(TOOL_SOURCES)))
STAGE_OBJECTS := $(STAGE_SOURCES:%.c=$(BUILD)/%.o)
SHARED        := $(BUILD)/src/built.o \
    $(patsubst %.c,$(BUILD)/%.o,$(filter-out $(STAGE_SOURCES) $(TOOL_SOURCES) stages/main.c \
                   stages/all.c,$(wildcard stages/*.c)))
STAGE_LIST    := $(foreach s,$(STAGES),STAGE($(subst -,_,$(s))))
PROGRAMS      := $(patsubst %,$(BUILD)/bin/%,$(STAGES) $(TOOLS))

all: $(PROGRAMS)

# Objects compiled with other flags are compiled again, because the stamp is newer. It is written here, not by a rule,
# so that make -n is right. It includes the compiler's macros: -march=native means something else on another machine.
FLAGS := $(CC) $(firstword $(COMPILER)) $(OUR_CPPFLAGS) $(OUR_CFLAGS) $(OUR_LDLIBS) $(STAGE_LIST)
ifneq ($(filter-out clean check help,$(or $(MAKECMDGOALS),all)),)
same  = $(and $(findstring $(1),$(2)),$(findstring $(2),$(1)))
stamp = $(if $(call same,$(file <$(BUILD)/$(1)),$(2)),,$(shell mkdir -p $(BUILD); \
    printf '%s\n' $(call quote,$(2)) >$(BUILD)/$(1).$$$$ && mv -f $(BUILD)/$(1).$$$$ $(BUILD)/$(1)))
$(call stamp,flags,$(FLAGS))
$(call stamp,cuda-flags,$(FLAGS) $(NVCC_FLAGS) $(CUDA_FOUND))
# The commit and a digest of the sources, for run records.
TREE := $(shell sh src/tree.sh $(BUILD)/tree)
$(call stamp,tree,$(TREE))
endif

$(BUILD)/libraries-found:
	@mkdir -p $(@D)
	@$(FIND) libraries >&2 || { echo "run 'make setup'" >&2; exit 1; }
	@touch $@

# Files are written under another name, then renamed, as two makes may run at the same time. V=1 shows the commands.
say     = $(if $(V),,@echo "$(1)";)
COMPILE = $(call say,compile $<)$(CC) $(OUR_CPPFLAGS) $(OUR_CFLAGS) -MMD -MP -MF $(@:.o=.d).$$$$ -MT $@ -c $(1) -o \
    $@.$$$$ && \
          mv -f $(@:.o=.d).$$$$ $(@:.o=.d) && mv -f $@.$$$$ $@
# Every program first checks that the processor has the instructions that it was compiled for (base/processor.h).
LINK    = $(call say,link $@)$(CC) $(OUR_CFLAGS) -Wl,-u,processor_target -o $@.$$$$ $^ $(1) $(OUR_LDLIBS) && \
    mv -f $@.$$$$ $@

$(BUILD)/%.o: %.c $(BUILD)/flags | $(BUILD)/libraries-found
	@mkdir -p $(@D)
	$(call COMPILE,$<)

$(BUILD)/stages/main-%.o: stages/main.c $(BUILD)/flags | $(BUILD)/libraries-found
	@mkdir -p $(@D)
	$(call COMPILE,-DSTAGE=stage_$(subst -,_,$*) $<)

$(BUILD)/cuda/%.o: cuda/%.c $(BUILD)/cuda-flags | $(BUILD)/libraries-found
	@mkdir -p $(@D)
	$(call COMPILE,$(CUDA_INCLUDES) $(if $(CUDA_MISSING),-DDMSQ_CUDA_MISSING=$(call quote,"$(CUDA_MISSING)")) $<)

$(BUILD)/cuda/%.o: cuda/%.cu $(BUILD)/cuda-flags | $(BUILD)/libraries-found
	@mkdir -p $(@D)
	$(call say,compile $<)$(NVCC) $(NVCC_FLAGS) -Isrc -I. -MMD -MP -MF $(@:.o=.d).$$$$ -MT $@ -c $< -o $@.$$$$ && \
	    mv -f $(@:.o=.d).$$$$ $(@:.o=.d) && mv -f $@.$$$$ $@

$(CUDA_LIBRARY): $(CUDA_OBJECTS)
	@rm -f $@.$$$$; ar rcsD $@.$$$$ $^ && mv -f $@.$$$$ $@

# Loops over random numbers, lanes and channels in the longest vectors (compilers prefer half the width of AVX-512),
# with the same bits.
WIDEST := $(if $(filter x86_64,$(COMPILER)),-mprefer-vector-width=512)
$(BUILD)/src/base/random.o $(patsubst %.c,$(BUILD)/%.o,$(wildcard src/lattice/*.c) src/network/normalise.c \
    src/network/single_channel.c): \
    OUR_CFLAGS += $(WIDEST)

# Compiler flags, for run records.
$(BUILD)/stages/history.o: OUR_CPPFLAGS += -DDMSQ_CFLAGS='"$(OUR_CFLAGS)"'

$(BUILD)/src/built.o: OUR_CPPFLAGS += -DDMSQ_COMMIT='"$(filter-out -,$(word 1,$(TREE)))"' \
    -DDMSQ_DIRTY=$(word 2,$(TREE)) \
    -DDMSQ_SOURCES='"$(word 3,$(TREE))"'
$(BUILD)/src/built.o: $(BUILD)/tree

# The version of programs and archives.
$(BUILD)/src/base/version.o: OUR_CPPFLAGS += -DDMSQ_VERSION='"$(shell cat VERSION)"'
$(BUILD)/src/base/version.o: VERSION

$(BUILD)/stages/all.o: stages/all.c $(BUILD)/flags | $(BUILD)/libraries-found
	@mkdir -p $(@D)
	$(call COMPILE,"-DSTAGES=$(STAGE_LIST)" $<)

define library
$(BUILD)/lib$(1).a: $(call objects,$(1))
	@ar rcsD $$@.$$$$$$$$ $$^ && mv -f $$@.$$$$$$$$ $$@
endef
$(foreach f,$(FOLDERS),$(eval $(call library,$(f))))

$(patsubst %,$(BUILD)/bin/%,$(STAGES)): $(BUILD)/bin/%: $(BUILD)/stages/main-%.o $(BUILD)/stages/%.o $(SHARED) \
    $(CUDA_LIBRARY) $(LIBRARIES)
	@mkdir -p $(@D)
	$(call LINK,$(CUDA_LIBS))

$(patsubst %,$(BUILD)/bin/%,$(TOOLS)): $(BUILD)/bin/%: $(BUILD)/stages/%.o $(BUILD)/stages/all.o $(STAGE_OBJECTS) \
    $(SHARED) \
    $(CUDA_LIBRARY) $(LIBRARIES)
	@mkdir -p $(@D)
	$(call LINK,$(CUDA_LIBS))

# --- installing --------------------------------------------------------------------------------------
# Programs have common names like train and plot, and so a folder of their own; PREFIX/bin/dmsq starts them.
DATA    = $(DESTDIR)$(PREFIX)/share/dmsq
LIBEXEC = $(DESTDIR)$(PREFIX)/lib/dmsq
install: all
	@mkdir -p $(call quote,$(DESTDIR)$(PREFIX)/bin) $(call quote,$(LIBEXEC)) $(call quote,$(DATA))
	@for p in $(PROGRAMS); do cp "$$p" $(call quote,$(LIBEXEC))/.new && mv -f $(call quote,$(LIBEXEC))/.new \
	    $(call quote,$(LIBEXEC))/"$${p##*/}" || exit 1; done
	@mkdir -p $(call quote,$(DATA)/figures) && cp figures/*.gp $(call quote,$(DATA)/figures) && \
	    cp -R experiments $(call quote,$(DATA))
	@cp stages/dmsq.sh $(call quote,$(DESTDIR)$(PREFIX)/bin/dmsq) && chmod 755 $(call quote,$(DESTDIR)$(PREFIX)/bin/dmsq)
	@echo "installed $(words $(PROGRAMS)) programs; '$(PREFIX)/bin/dmsq' lists them"

# --- computing ---------------------------------------------------------------------------------------
# The planner writes the rules of the experiments. They are included if a goal is not a target of this file; make
# restarts if they have changed.
PLAN_OPTIONS = --profile=$(call quote,$(PROFILE)) --set=$(call quote,$(SET)) \
       --backend=$(call quote,$(BACKEND)) --experiments=$(call quote,$(EXPERIMENTS)) \
       --results=$(call quote,$(RESULTS)) --figures=$(call quote,$(FIGURES)) --programs=$(BUILD)/bin
PLAN = $(BUILD)/bin/plan $(PLAN_OPTIONS)
STAGE_OPTIONS = $(if $(THREADS),--threads=$(call quote,$(THREADS))) $(if $(QUIET),--quiet)
# Waiting threads sleep, so that two stages at once (make -j2), or other programs, do not slow down each other.
export OMP_WAIT_POLICY ?= passive

OWN_GOALS := all install test format check check-slow check-gpu bench ledger ledger-rebuild why diff verify archive \
    report gallery redraw points documents export slurm slurm-status reference-% help clean $(BUILD)/% FORCE
ifneq ($(filter-out $(OWN_GOALS),$(MAKECMDGOALS)),)
PLAN_GOALS := --goals=$(call quote,$(filter-out $(OWN_GOALS),$(MAKECMDGOALS)))
RULES := $(BUILD)/plan/$(shell printf '%s' $(call quote,$(PLAN) $(PLAN_GOALS)) | sha256sum | cut -c1-16).mk
$(RULES): $(BUILD)/bin/plan FORCE
	@mkdir -p $(@D)
	@$(PLAN) $(PLAN_GOALS) --rules=$@
include $(RULES)
endif

# Single nodes, such as the points of a long sweep.
compute: $(if $(filter compute,$(MAKECMDGOALS)),$(shell [ ! -x $(BUILD)/bin/plan ] || \
    $(PLAN) --files=$(call quote,$(NODE)) 2>/dev/null))
	@$(if $(NODE),,echo "NODE is missing: expected EXPERIMENT/NODE, or several, as NODE=table1/training" >&2; exit 2)
	@$(PLAN) --files=$(call quote,$(NODE))

OF_PROFILE = $(if $(filter-out paper,$(PROFILE)),/$(patsubst %.ini,%,$(notdir $(PROFILE))))
ROOT = $(RESULTS)$(OF_PROFILE)
FIGURE_ROOT = $(FIGURES)$(OF_PROFILE)
ledger: $(BUILD)/bin/ledger
	@$< --root=$(call quote,$(ROOT)) $(if $(KEY),-- $(call quote,$(KEY)))
ledger-rebuild: $(BUILD)/bin/ledger
	@$< --root=$(call quote,$(ROOT)) --rebuild --show

# Provenance of results: src/provenance.
why: $(BUILD)/bin/why
	@$< $(PLAN_OPTIONS) --node=$(call quote,$(NODE))
diff: $(BUILD)/bin/compare
	@$< $(PLAN_OPTIONS) --a=$(call quote,$(A)) --b=$(call quote,$(B))

# With RECOMPUTE=1 the experiment NAME is recomputed in a separate folder and compared byte by byte. An interrupted
# attempt resumes, a finished one starts again.
RECOMPUTED ?= $(BUILD)/recomputed
verify: $(BUILD)/bin/verify
	@$< $(PLAN_OPTIONS) --name=$(call quote,$(NAME))
ifneq ($(RECOMPUTE),)
	@$(if $(NAME),,echo "RECOMPUTE needs NAME=EXPERIMENT" >&2; exit 2)
	@[ ! -e $(RECOMPUTED)/finished ] || rm -rf $(RECOMPUTED)
	@$(MAKE) --no-print-directory $(call quote,$(NAME)) RESULTS=$(RECOMPUTED) FIGURES=$(RECOMPUTED)/figures
	@touch $(RECOMPUTED)/finished
	@$< $(PLAN_OPTIONS) --name=$(call quote,$(NAME)) --again=$(RECOMPUTED)$(OF_PROFILE)
	@rm -rf $(RECOMPUTED)
endif

# The experiment NAME with everything that it depends on, as a folder archives/NAME-VERSION and a .tar.gz, for others to
# check and recompute.
ARCHIVES ?= archives
archive: all
	@mkdir -p $(BUILD)/archive
	@git ls-files >$(BUILD)/archive/sources 2>/dev/null && [ -s $(BUILD)/archive/sources ] || \
	    find . -path ./$(BUILD) -prune -o -path './$(RESULTS)' -prune -o -path './$(ARCHIVES)' -prune -o -path ./.git \
	    -prune -o \
	    -type f -print | sed 's,^\./,,' | LC_ALL=C sort >$(BUILD)/archive/sources
	@sh src/provenance/packages.sh $(BUILD)/bin/train >$(BUILD)/archive/packages.tsv
	@$(BUILD)/bin/archive $(PLAN_OPTIONS) --name=$(call quote,$(NAME)) --license=$(call quote,$(LICENSE)) \
	    --output=$(call quote,$(ARCHIVES)) --sources=$(BUILD)/archive/sources --packages=$(BUILD)/archive/packages.tsv \
	    --commit="$$(git rev-parse HEAD 2>/dev/null || echo unknown)" \
	    --dirty="$$(git status --porcelain --untracked-files=no 2>/dev/null | head -1)"

# The experiment NAME as Slurm jobs (docs/cluster.md). Scripts and logs are in ROOT/slurm/NAME.
slurm: all
	@$(if $(NAME),,echo "NAME is missing: expected the name of an experiment, as NAME=fig14" >&2; exit 2)
	@mkdir -p $(call quote,$(ROOT)/slurm)
	@$(BUILD)/bin/slurm $(PLAN_OPTIONS) --name=$(call quote,$(NAME)) --folder=$(call quote,$(ROOT)/slurm/$(NAME)) \
	    --partition=$(call quote,$(PARTITION)) --account=$(call quote,$(ACCOUNT)) --time=$(call quote,$(TIME)) \
	    $(if $(PARTS),--parts=$(call quote,$(PARTS))) $(if $(THREADS),--cores=$(call quote,$(THREADS)))
	@sh stages/slurm.sh submit $(call quote,$(ROOT)/slurm/$(NAME)) $(call quote,$(ROOT))
slurm-status:
	@$(if $(NAME),,echo "NAME is missing: expected the name of an experiment, as NAME=fig14" >&2; exit 2)
	@sh stages/slurm.sh status $(call quote,$(ROOT)/slurm/$(NAME)) $(call quote,$(ROOT))

# All results so far on one page: ROOT/report.html.
report: $(BUILD)/bin/report
	@$< $(PLAN_OPTIONS)

# Measurements of a node of the stage observables, for other programs: ROOT/export/EXPERIMENT/NODE.*
export: $(BUILD)/bin/export
	@$< $(PLAN_OPTIONS) --node=$(call quote,$(NODE)) $(if $(FORMAT),--format=$(call quote,$(FORMAT)))

# The arrays of all artifacts, from the declarations of the stages: docs/artifacts.md.
documents: $(BUILD)/bin/artifacts
	@$<

# The figures in results/reference, with their captions: docs/gallery.md.
gallery: $(BUILD)/bin/gallery
	@$< --experiments=$(call quote,$(EXPERIMENTS)) --results=$(call quote,$(RESULTS))

# Tables, figures and run records of an experiment, kept in git for readers who do not run it: at the paper's scale, or
# at a reduced one, which is stated. Results of another scale are never replaced.
KEPT_PROFILES := paper reduced
reference-%: $(BUILD)/bin/plan
	@[ $(if $(filter $(KEPT_PROFILES),$(PROFILE)),1) ] || \
	    { printf '%s\n' "PROFILE="$(call quote,$(PROFILE))": only results of \
	    the profiles $(KEPT_PROFILES) are kept" >&2; exit 2; }
	@PLAN=$(call quote,$(PLAN)) ONLY=$(call quote,$(ONLY)) sh stages/reference.sh $* $(call quote,$(RESULTS)) \
	    $(call quote,$(ROOT)) \
	    $(call quote,$(FIGURE_ROOT)) $(call quote,$(EXPERIMENTS)) $(PROFILE)

# A figure whose points are computed one by one, on several machines or days: keeps the run records of those that are
# done, and draws the figure NAME from them when all are; GAPS=yes: now, without those that are missing. Only at the
# paper's scale, since the figure replaces one of a smaller scale.
points: $(BUILD)/bin/plan $(BUILD)/bin/points
	@$(if $(NAME),,echo "NAME is missing: expected the name of a figure, as NAME=fig14" >&2; exit 2)
	@[ $(if $(filter paper,$(PROFILE)),1) ] || \
	    { printf '%s\n' "PROFILE="$(call quote,$(PROFILE))": points are kept at the paper's scale only" >&2; exit 2; }
	@PLAN=$(call quote,$(PLAN)) DRAW=$(call quote,$(BUILD)/bin/points --gaps=$(call quote,$(GAPS)) $(PLAN_OPTIONS)) \
	    sh stages/points.sh $(call quote,$(NAME)) $(call quote,$(RESULTS)) $(call quote,$(ROOT))

# Redraws kept figures whose styles or texts have changed, from their kept tables.
redraw: $(BUILD)/bin/redraw
	@$< $(PLAN_OPTIONS) --only=$(call quote,$(ONLY))
	@$(if $(filter paper,$(PROFILE)),$< $(PLAN_OPTIONS) --profile=reduced --only=$(call quote,$(ONLY)))

$(BUILD)/bin/bench: $(patsubst %.c,$(BUILD)/%.o,$(wildcard tests/bench/*.c)) $(BUILD)/src/built.o $(LIBRARIES)
	@mkdir -p $(@D)
	$(call LINK,-ldl)
bench: $(BUILD)/bin/bench
	@mkdir -p $(call quote,$(RESULTS))
	@$< $(if $(THREADS),--threads=$(call quote,$(THREADS))) $(if $(ONLY),--only=$(call quote,$(ONLY))) \
	    --output=$(call quote,$(RESULTS)/bench$(if $(ONLY),-$(ONLY)).tsv)

# --- testing -----------------------------------------------------------------------------------------
# A test of a folder is linked with that folder and its dependencies, a test of stages with everything.
tests   = $(patsubst tests/%.c,$(BUILD)/tests/%,$(wildcard tests/*/$(1)_*.c))
TESTS   := $(call tests,test)
SLOW    := $(call tests,slow)
SCRIPTS := $(wildcard tests/*/test_*.sh)
DIRECTIONS := $(FOLDERS:%=$(BUILD)/direction/%)

define tests_of
$(BUILD)/tests/$(1)/%: $(BUILD)/tests/$(1)/%.o $(call libraries,$(1) $(DEPENDS_$(1)) $(if $(filter network,$(1)),store))
	$$(call LINK,-lcmocka)
endef
$(foreach f,$(FOLDERS),$(eval $(call tests_of,$(f))))
define tests_of_all
$(BUILD)/tests/$(1)/%: $(BUILD)/tests/$(1)/%.o $(STAGE_OBJECTS) $(SHARED) $(BUILD)/stages/all.o $(CUDA_LIBRARY) \
    $(LIBRARIES)
	$$(call LINK,-lcmocka $$(CUDA_LIBS))
endef
$(foreach f,stages fuzz,$(eval $(call tests_of_all,$(f))))

# The sources of the CUDA backend, compiled for the CPU with an emulated runtime (tests/cuda/emulate), and with direct
# convolutions instead of cuDNN. Needs a C++ compiler.
CXX          := g++
EMULATED     := $(if $(filter x86_64,$(shell uname -m)),$(shell command -v $(CXX)))
EMULATION    := $(filter-out cuda/convolution_cudnn.c,$(wildcard cuda/*.cu cuda/convolution_graph.c cuda/layout.c)) \
                $(wildcard tests/cuda/emulate/*.cc)
CXXFLAGS     := -std=c++17 -O3 -g -march=$(ARCH) -ffp-contract=off -fno-math-errno -fno-trapping-math -Wall -Wextra \
    $(if $(STRICT),-Werror) \
                $(if $(SANITIZE),-fsanitize=address$(comma)undefined -fno-sanitize-recover=undefined)
EMULATE_WITH := -Itests/cuda/emulate $(OUR_CPPFLAGS) -DLAYOUT_SITES=256
ifeq ($(EMULATED),)
TESTS := $(filter-out $(BUILD)/tests/cuda/%,$(TESTS))
endif
$(BUILD)/emulated/%.o: % $(BUILD)/flags Makefile | $(BUILD)/libraries-found
	@mkdir -p $(@D)
	$(call say,compile $< for the CPU)$(if $(filter %.c,$<),$(CC) $(OUR_CFLAGS),$(CXX) $(CXXFLAGS) -x c++) \
	    $(EMULATE_WITH) \
	    -MMD -MP -MF $(@:.o=.d).$$$$ -MT $@ -c $< -o $@.$$$$ && mv -f $(@:.o=.d).$$$$ $(@:.o=.d) && mv -f $@.$$$$ $@
$(BUILD)/libcuda-emulated.a: $(EMULATION:%=$(BUILD)/emulated/%.o)
	@rm -f $@.$$$$; ar rcsD $@.$$$$ $^ && mv -f $@.$$$$ $@
# The comparisons of make check-gpu, on the emulated device.
COMPARISONS := $(wildcard tests/gpu/*.cu) $(addprefix tests/gpu/,networks.c bits.c rows.c)
$(BUILD)/tests/cuda/test_gpu_check: $(BUILD)/tests/cuda/test_gpu_check.o $(COMPARISONS:%=$(BUILD)/emulated/%.o) \
    $(BUILD)/libcuda-emulated.a $(call libraries,diffusion $(DEPENDS_diffusion))
	$(call LINK,-lcmocka -lstdc++)
$(BUILD)/tests/cuda/test_stages: $(BUILD)/tests/cuda/test_stages.o $(STAGE_OBJECTS) $(SHARED) $(BUILD)/stages/all.o \
    $(BUILD)/libcuda-emulated.a $(LIBRARIES)
	$(call LINK,-lcmocka -lstdc++)
$(BUILD)/tests/cuda/%.o: OUR_CPPFLAGS += -Itests/cuda/emulate
$(BUILD)/tests/cuda/%: $(BUILD)/tests/cuda/%.o $(BUILD)/libcuda-emulated.a \
    $(call libraries,diffusion $(DEPENDS_diffusion))
	$(call LINK,-lcmocka -lstdc++)
# cuDNN itself, as far as it can be tested without a device.
ifneq ($(CUDA_MISSING),)
TESTS := $(filter-out %/test_cudnn,$(TESTS))
endif
$(BUILD)/tests/cuda/test_cudnn.o: OUR_CPPFLAGS := -Isrc -I. -D_GNU_SOURCE $(CPPFLAGS)
$(BUILD)/tests/cuda/test_cudnn.o: tests/cuda/test_cudnn.c $(BUILD)/cuda-flags | $(BUILD)/libraries-found
	@mkdir -p $(@D)
	$(call COMPILE,$(CUDA_INCLUDES) $<)
$(BUILD)/tests/cuda/test_cudnn: $(BUILD)/tests/cuda/test_cudnn.o $(BUILD)/cuda/layout.o \
    $(BUILD)/cuda/convolution_graph.o \
    $(call libraries,network base)
	$(call LINK,-lcmocka $(CUDA_LIBS))

define direction_of
$(BUILD)/direction/$(1): $(call libraries,$(1) $(DEPENDS_$(1))) $(wildcard src/$(1)/*.[ch])
	@mkdir -p $$(@D)
	@! grep -n '^ *# *include "' src/$(1)/*.[ch] | grep -vE '"($(subst $() ,|,$(strip $(1) $(DEPENDS_$(1)))))/' >&2 || \
	    { echo "src/$(1) includes a folder that it may not depend on (allowed: $(or $(DEPENDS_$(1)),none))" >&2; exit 1; }
	@echo 'int main(void) { return 0; }' | $(CC) $(OUR_CFLAGS) -o $$@ -x c - -x none -Wl,--whole-archive \
	    $(BUILD)/lib$(1).a \
	    -Wl,--no-whole-archive $(call libraries,$(DEPENDS_$(1))) $(OUR_LDLIBS) || \
	    { echo "src/$(1) uses a folder that it may not depend on (allowed: $(or $(DEPENDS_$(1)),none))" >&2; exit 1; }
endef
$(foreach f,$(FOLDERS),$(if $(wildcard src/$(f)/*.c),$(eval $(call direction_of,$(f))),\
    $(eval $(BUILD)/direction/$(f):;@:)))

test: all $(DIRECTIONS) $(TESTS)
	@BUILD=$(BUILD) tests/run.sh $(TESTS) $(SCRIPTS)

# Includes each reader with random input for a minute (tests/fuzz; SANITIZE=1 finds the most errors).
check-slow: all $(SLOW) $(filter $(BUILD)/tests/fuzz/%,$(TESTS))
	@BUILD=$(BUILD) tests/run.sh $(SLOW) $(wildcard tests/*/slow_*.sh)

check-gpu:
	@tests/gpu/check.sh

# Formats the sources by .clang-format; tests/pipeline/test_style.sh checks them.
format:
	@find src stages cuda tests -path tests/fuzz/corpus -prune -o \
	    \( -name '*.c' -o -name '*.h' -o -name '*.cu' -o -name '*.cc' \) -print | xargs clang-format-16 -i

# In a separate folder, with warnings as errors: before a change is submitted.
check:
	@$(MAKE) --no-print-directory STRICT=1 BUILD=$(BUILD)/strict test

# Removes only a folder that make itself has created.
clean:
	rm -rf $(if $(wildcard $(BUILD)/flags),$(BUILD))

# --- help --------------------------------------------------------------------------------------------
help:
	@echo "Usage: make TARGET... [PROFILE=quick] [SET=\"STAGE.PARAMETER=VALUE NODE.PARAMETER=VALUE\"] [THREADS=N]"
	@echo
	@echo "Targets:                                                           time on 2 CPU cores"
	@echo "  make setup            installs missing Debian packages, or names them    1 min"
	@echo "  make all              builds the programs (as the other targets do)       1 min"
	@echo "  make install PREFIX=/usr/local   programs, experiments, styles; PREFIX/bin/dmsq starts programs  1 s"
	@echo "  make test             all tests; ends with 'N passed, N failed'          2 min"
	@echo "  make check            the same, with the compiler's warnings as errors   3 min"
	@echo "  make format           formats the sources with clang-format 16, as make check expects"
	@echo "  make check-slow       long comparisons with known results"
	@echo "  make check-gpu        checks and benchmarks the CUDA backend, on a machine with a GPU   10 min"
	@echo "  make bench            speed of primitives and stages; ONLY=machine|network|ensemble|effective|data"
	@echo "  make ledger           lists all runs: when, where, with what result (KEY=...: those of one artifact)  1 s"
	@echo "  make ledger-rebuild   makes the ledger from the run records              1 s"
	@echo "  make why NODE=table1/generated   why make would compute it, or since when it is up to date   1 s"
	@echo "  make diff A=table1/model B=3fa9   compares two results: nodes, keys or files of run records"
	@echo "  make verify [NAME=table1]   checks artifacts against run records, and these against the ledger;"
	@echo "                        RECOMPUTE=1 recomputes the artifacts and compares byte by byte"
	@echo "  make archive NAME=table1 LICENSE=CC-BY-4.0   archives/table1-VERSION and .tar.gz, with everything it"
	@echo "                        depends on, for others to check and recompute; project.ini names author and funding"
	@echo "  make reference-NAME   copies the results of experiment NAME to results/reference/NAME, to be kept in git;"
	@echo "                        ONLY=\"TABLE FIGURE\": only these                    1 s"
	@echo "  make compute NODE=\"fig14/training@lattice=16x16 ...\"   computes these nodes, and what they depend on"
	@echo "  make points NAME=FIGURE   keeps the run records of those points of a figure that are computed; draws it from"
	@echo "                        them when all are (GAPS=yes: now)                   1 s"
	@echo "  make report           results/report.html: all results so far on one page                   1 s"
	@echo "  make export NODE=table1/observables-generated FORMAT=pyerrors|csv|json   results for other programs"
	@echo "  make slurm NAME=fig14 [PARTITION= ACCOUNT= TIME= PARTS=8 THREADS=4]   submits it to Slurm (docs/cluster.md)"
	@echo "  make slurm-status NAME=fig14   state of its jobs                                            1 s"
	@echo "  make documents        docs/artifacts.md: the arrays of every stage                         1 s"
	@echo "  make gallery          docs/gallery.md: the figures kept in results/reference/               1 s"
	@echo "  make redraw           redraws kept figures whose styles or texts have changed, from the kept numbers;"
	@echo "                        ONLY=FIGURE                                         1 min"
	@echo "  make paper            all experiments, and the report         6 min with PROFILE=quick, else days"
	@echo "  make clean            removes build/; keeps results/"
	@echo
	@if [ -x $(BUILD)/bin/plan ]; then $(PLAN) --help-targets; else \
	    echo "Experiments:"; \
	    for f in $(call quote,$(EXPERIMENTS))/*.ini; do \
	        printf '  make %-16s %s\n' "$$(basename $$f .ini)" "$$(sed -n 's/^summary *= *//p' $$f | head -1)"; \
	        sed -n 's/^cost *= *\(.*\)/                        takes \1/p' $$f | head -1; \
	    done; \
	    echo; echo "After 'make all' this also lists figures, tables and the stages with their parameters."; fi
	@echo
	@echo "Variables:"
	@echo "  PROFILE=quick    a small-scale version in seconds or minutes, in results/quick/ and figures/quick/;"
	@echo "                   make -n shows what would run, make -j2 runs independent stages in parallel"
	@echo "  SET=\"...\"        parameters: SET=\"train.epochs=100 training.kappa=0.25\" (a stage or a node)"
	@echo "  BACKEND=cpu      or cuda (convolutions in TF32), cuda-float32, cuda-bf16 (sampling only), if CUDA was found"
	@echo "  CUDA=no          build without the CUDA backend"
	@echo "  THREADS=N        worker threads per stage (results do not depend on it; default: all cores)"
	@echo "  ISA=avx2         highest instruction set of the network's primitives (results may differ in the last bits)"
	@echo "  LAUNCH=\"srun -N1 -n1 -c2\"   starts each stage with this command, for example on another host"
	@echo "  RESULTS, FIGURES, BUILD   other folders than results, figures and build: the source may be read-only"
	@echo "  ARCH=x86-64      value of the compiler's -march=, to build for other machines (default: native, this one)"
	@echo "  CC, CFLAGS, CPPFLAGS, LDFLAGS, LDLIBS   the compiler, and options added to dmsq's own"
	@echo "  SANITIZE=1       build with address and undefined-behaviour sanitizers, under build/sanitize"
	@echo "  QUIET=1          no progress; V=1 shows the commands of the build"

# Existing files need no rule, even with make -B.
.DEFAULT:
	@[ -e $(call quote,$@) ] || { printf "there is no target '%s'; 'make help' lists them\n" $(call quote,$@) >&2; \
	    exit 2; }

$(BUILD)/%.d: ;
# Includes the dependencies, and removes files that killed compilers and linkers left.
-include $(shell find $(addprefix $(BUILD)/,src stages tests cuda emulated bin) \
    \( -type f -name '*.[1-9]*' -mmin +60 -exec rm -f {} + \) \
    -o -name '*.d' -print 2>/dev/null)
endif
