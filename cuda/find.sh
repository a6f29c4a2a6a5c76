#!/bin/sh
# Finds CUDA and cuDNN for the CUDA backend. Prints one line, either
#   found NVCC INCLUDE CUDNN_INCLUDE CUDNN_LIBRARY     (paths)
# or
#   missing TEXT
# nvcc: CUDA_HOME, the path, /usr/local/cuda; release 12 or later. cuDNN 9: CUDNN_HOME, the toolkit, the system,
# Python's nvidia packages.
say() { echo "$@"; exit 0; }

nvcc=
for n in ${CUDA_HOME:+"$CUDA_HOME/bin/nvcc"} "$(command -v nvcc)" /usr/local/cuda/bin/nvcc; do
    [ -x "$n" ] && nvcc=$n && break
done
[ "$nvcc" ] || say missing "no nvcc was found on the path or in CUDA_HOME"
nvcc=$(readlink -f "$nvcc") # the libraries are in the same tree
release=$("$nvcc" --version 2>/dev/null | sed -n 's/.*release \([0-9]*\)\..*/\1/p')
[ "${release:-0}" -ge 12 ] ||
    say missing "nvcc was found ($nvcc), but has release ${release:-unknown}; 12 or later is needed"
root=$(dirname "$(dirname "$nvcc")")
include=
for i in "$root/include" "$root/targets/x86_64-linux/include" /usr/include; do
    [ -e "$i/cuda_runtime.h" ] && include=$i && break
done
[ "$include" ] || say missing "no cuda_runtime.h was found beside $nvcc"

python_folder() {
    for p in python3 python; do
        $p -c 'import nvidia.cudnn, os; print(list(nvidia.cudnn.__path__)[0])' 2>/dev/null && return
    done
}
try() { # FOLDER: sets header and library
    header= library=
    for h in "$1/include" "$1/include/x86_64-linux-gnu" "$1/targets/x86_64-linux/include"; do
        [ -e "$h/cudnn.h" ] && grep -qs 'define CUDNN_MAJOR 9' "$h/cudnn_version.h" "$h/cudnn_version_v9.h" &&
            header=$h && break
    done
    for l in "$1/lib64" "$1/lib" "$1/lib/x86_64-linux-gnu" "$1/targets/x86_64-linux/lib"; do
        [ -e "$l/libcudnn.so.9" ] && library=$l/libcudnn.so.9 && break
    done
    [ "$header" ] && [ "$library" ]
}
for folder in ${CUDNN_HOME:+"$CUDNN_HOME"} "$root" /usr/local/cuda /usr; do
    try "$folder" && say found "$nvcc" "$include" "$header" "$library"
done
folder=$(python_folder)
[ "$folder" ] && try "$folder" && say found "$nvcc" "$include" "$header" "$library"
say missing "nvcc was found ($nvcc), but no cuDNN 9 with headers, in CUDNN_HOME, the toolkit, the system or the" \
    "nvidia packages of Python"
