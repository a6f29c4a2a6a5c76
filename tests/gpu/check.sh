#!/bin/sh
# make check-gpu: builds the CUDA backend for sm_90 and for the card of this machine, checks it on that card against
# the float64 oracle and itself, and measures its speed; ends with one table of failures, or "check-gpu: all passed".
# Under 10 minutes. Needs gcc, make, the CUDA 13 toolkit and cuDNN 9 (also from Python's nvidia packages); nothing of
# the libraries that the programs themselves need. Used where they are there: oneDNN (whole networks on the CPU; single
# operators need nothing), compute-sanitizer, python3 (reference networks in tests/data and ../shared/reference), PyTorch
# (the peer of the benchmark).
cd "$(dirname "$0")/../.." || exit 1

card=$(nvidia-smi --query-gpu=name,compute_cap,driver_version --format=csv,noheader 2>/dev/null | head -1)
[ "$card" ] || { echo "check-gpu: there is no NVIDIA GPU on this machine (nvidia-smi finds none)" >&2; exit 1; }
found=$(cuda/find.sh)
case $found in missing*) echo "check-gpu: ${found#missing }" >&2; exit 1 ;; esac
echo "check-gpu: $card"

own=$(echo "$card" | awk -F', *' '{ sub(/\./, "", $2); print $2 }')
[ "$own" ] && [ "$own" != 90 ] && extra="-gencode arch=compute_$own,code=sm_$own"
echo '#include <Random123/philox.h>' | gcc -E -o /dev/null - 2>/dev/null || philox=-Itests/gpu/include
log=build/gpu/log
mkdir -p build/gpu
printf '#include <dnnl.h>\nint main(void) { return !dnnl_version(); }\n' |
    gcc -x c -o "$log" - -x none -ldnnl 2>/dev/null && onednn=yes || onednn=
[ "$onednn" ] && bin=build/gpu/onednn || bin=build/gpu/bare
make -s -j"$(nproc)" -f tests/gpu/check.mk CUDA_FOUND="$found" EXTRA_ARCH="$extra" PHILOX="$philox" ONEDNN="$onednn" \
    >"$log" 2>&1 ||
    { cat "$log"; echo "check-gpu: does not build" >&2; exit 1; }

failed=
references=
for npz in tests/data/unet-*.npz ../shared/reference/unet-w32-*.npz; do
    [ -e "$npz" ] || continue
    folder=build/gpu/$(basename "$npz" .npz)
    rm -rf "$folder"
    python3 -m zipfile -e "$npz" "$folder" 2>/dev/null && references="$references $folder"
done
[ "$references" ] || echo "       no python3: the reference networks are not compared"

$bin/operators || failed="$failed operators"
$bin/check $references || failed="$failed comparisons"

sanitizer=$(command -v compute-sanitizer || echo "$(dirname "$(echo "$found" | cut -d' ' -f2)")/compute-sanitizer")
if [ -x "$sanitizer" ]; then
    for tool in memcheck racecheck; do
        if timeout 120 "$sanitizer" --tool "$tool" --error-exitcode 9 $bin/check --small >"$log" 2>&1; then
            echo "ok      compute-sanitizer $tool, small case"
        else
            tail -20 "$log"
            echo "FAILED  compute-sanitizer $tool, small case"
            failed="$failed $tool"
        fi
    done
else
    echo "       no compute-sanitizer: skipped"
fi

printf '\nbackend     \tstride\tL\twhat                      \tvalue    \tunit              \tTFLOP/s\tof the limit\n'
timeout 240 $bin/bench || failed="$failed benchmark"
if python3 -c 'import torch; assert torch.cuda.is_available()' 2>/dev/null; then
    timeout 200 python3 tests/peers/torch_unet.py || echo "       the PyTorch peer did not end: skipped"
else
    echo "       no PyTorch with CUDA: its rows are skipped"
fi

[ "$failed" ] && { echo "check-gpu: FAILED:$failed"; exit 1; }
echo "check-gpu: all passed"
