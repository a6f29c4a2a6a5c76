# Builds the check and the benchmark of the CUDA backend (tests/gpu/check.sh) with few requirements: a C compiler with
# OpenMP, nvcc, cuDNN 9, and optionally oneDNN (ONEDNN=yes), without which there is no comparison with complete networks
# on the CPU. In the root of the repository: make -f tests/gpu/check.mk CUDA_FOUND="$(cuda/find.sh)" ONEDNN=yes
BUILD    := build/gpu
BIN      := $(BUILD)/$(if $(ONEDNN),onednn,bare)
CC       := gcc
NVCC     := $(word 2,$(CUDA_FOUND))
CUDNN    := $(word 5,$(CUDA_FOUND))
ARCH     := -gencode arch=compute_90,code=sm_90 $(EXTRA_ARCH)
INCLUDES := -Isrc -I. $(PHILOX)
SYSTEM   := $(addprefix -isystem ,$(sort $(word 3,$(CUDA_FOUND)) $(word 4,$(CUDA_FOUND))))
CFLAGS   := -std=c11 -O3 -g -march=native -ffp-contract=off -fno-math-errno -fno-trapping-math -fopenmp -Wall -Wextra \
            -D_GNU_SOURCE
LDLIBS   := $(addprefix -L$(dir $(NVCC))../,lib64 lib targets/x86_64-linux/lib) $(CUDNN) -Wl,-rpath,$(dir $(CUDNN)) \
    -lcudart_static -ldl -lrt \
            -lpthread -lstdc++ -lm $(if $(ONEDNN),-ldnnl)
INCLUDES += $(if $(ONEDNN),,-DDMSQ_NO_ONEDNN)
HEADERS  := $(wildcard src/*/*.h cuda/*.h tests/gpu/*.h)

C_SOURCES := $(addprefix src/base/,error.c memory.c nearest.c parameter_value.c parameters.c progress.c random.c \
             runge_kutta.c runge_kutta_vectors.c sum.c words.c) \
             $(addprefix src/lattice/,action.c theory.c fourier.c geometry.c transform.c) \
             $(addprefix src/network/,adam.c dense.c embedding.c halo.c initialise.c mlp.c normalise.c \
             single_channel.c unet.c unet_oracle.c unet_oracle_operators.c $(if $(ONEDNN),convolution.c \
             convolution_direct.c convolution_winograd.c product.c unet_cpu.c unet_cpu_pass.c)) \
             $(wildcard src/score/*.c src/backend/*.c) \
             $(addprefix src/diffusion/,checkpoint.c reverse.c flow.c \
             flow_slots.c flow_prior.c training.c training_checkpoint.c training_state.c) \
             $(filter-out cuda/absent.c,$(wildcard cuda/*.c)) tests/gpu/absent.c
OBJECTS   := $(C_SOURCES:%.c=$(BIN)/%.o) $(patsubst %.cu,$(BUILD)/%.o,$(wildcard cuda/*.cu))
TABLE     := $(BIN)/tests/gpu/rows.o

all: $(addprefix $(BIN)/,check check-small bench operators)
$(BIN)/%.o: %.c $(HEADERS)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(INCLUDES) $(SYSTEM) -c $< -o $@
$(BUILD)/%.o: %.cu $(HEADERS)
	@mkdir -p $(@D)
	$(NVCC) -std=c++17 -O3 -lineinfo -fmad=false $(ARCH) $(INCLUDES) -c $< -o $@
# Batches of 2048 sites, for compute-sanitizer.
$(BIN)/small/cuda/layout.o: cuda/layout.c $(HEADERS)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -DLAYOUT_SITES=2048 $(INCLUDES) $(SYSTEM) -c $< -o $@
$(BIN)/check-small: $(BIN)/tests/gpu/check.o $(BIN)/small/cuda/layout.o $(filter-out $(BIN)/cuda/layout.o,$(OBJECTS))
	$(CC) $(CFLAGS) -o $@ $^ $(LDLIBS)
$(BIN)/check $(BIN)/check-small: $(BIN)/tests/gpu/networks.o $(BIN)/tests/gpu/bits.o $(TABLE)
$(BIN)/bench: $(TABLE)
$(BIN)/operators: $(patsubst %.cu,$(BUILD)/%.o,$(wildcard tests/gpu/*.cu)) $(TABLE)
$(BIN)/check $(BIN)/bench $(BIN)/operators: $(BIN)/%: $(BIN)/tests/gpu/%.o $(OBJECTS)
	$(CC) $(CFLAGS) -o $@ $^ $(LDLIBS)
.SECONDARY:
