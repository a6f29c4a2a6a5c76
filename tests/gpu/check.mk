# Builds the check and the benchmark of the CUDA backend (tests/gpu/check.sh) with as little as possible: a C compiler
# with OpenMP, nvcc, cuDNN 9. From the repository's root: make -f tests/gpu/check.mk CUDA_FOUND="$(cuda/find.sh)"
BUILD    := build/gpu
CC       := gcc
NVCC     := $(word 2,$(CUDA_FOUND))
CUDNN    := $(word 5,$(CUDA_FOUND))
ARCH     := -gencode arch=compute_90,code=sm_90 $(EXTRA_ARCH)
INCLUDES := -Isrc -I. $(PHILOX)
SYSTEM   := $(addprefix -isystem ,$(sort $(word 3,$(CUDA_FOUND)) $(word 4,$(CUDA_FOUND))))
CFLAGS   := -std=c11 -O3 -g -march=native -ffp-contract=off -fno-math-errno -fopenmp -Wall -Wextra -Werror -D_GNU_SOURCE
LDLIBS   := -L$(dir $(NVCC))../lib64 -L$(dir $(NVCC))../lib $(CUDNN) -Wl,-rpath,$(dir $(CUDNN)) -lcudart_static -ldl -lrt \
            -lpthread -lstdc++ -lm

C_SOURCES := $(addprefix src/base/,error.c progress.c random.c sum.c) $(addprefix src/network/,adam.c initialise.c unet.c unet_oracle.c \
             unet_oracle_operators.c) src/lattice/fourier.c \
             $(addprefix src/diffusion/,score.c reverse.c flow.c flow_places.c runge_kutta.c runge_kutta_vectors.c schedule.c training.c) \
             $(filter-out cuda/absent.c,$(wildcard cuda/*.c)) tests/gpu/absent.c
OBJECTS   := $(C_SOURCES:%.c=$(BUILD)/%.o) $(patsubst %.cu,$(BUILD)/%.o,$(wildcard cuda/*.cu))

all: $(BUILD)/check $(BUILD)/bench $(BUILD)/operators
$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(INCLUDES) $(SYSTEM) -c $< -o $@
$(BUILD)/%.o: %.cu
	@mkdir -p $(@D)
	$(NVCC) -std=c++17 -O3 -lineinfo -fmad=false $(ARCH) $(INCLUDES) -c $< -o $@
$(BUILD)/check $(BUILD)/bench $(BUILD)/operators: $(BUILD)/%: $(BUILD)/tests/gpu/%.o $(OBJECTS)
	$(CC) $(CFLAGS) -o $@ $^ $(LDLIBS)
.SECONDARY:
