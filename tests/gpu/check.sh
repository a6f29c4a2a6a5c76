#!/bin/sh
# make check-gpu: builds the CUDA backend for sm_90 and for the card of this machine, checks it on that card against the
# float64 oracle and the CPU, and measures its speed. Ends with a list of failures, or with "check-gpu: all passed". It
# takes less than 10 minutes: each part has a time limit, and parts without time left are reported as left out. Needs
# gcc, make, the CUDA 13 toolkit and cuDNN 9 (also from Python's nvidia packages), but none of the libraries of the
# programs. Optional: oneDNN (complete networks on the CPU), compute-sanitizer, python3 (reference networks in
# tests/data and ../shared/reference), PyTorch (for comparison in the benchmark).
cd "$(dirname "$0")/../.." || exit 1

card=$(nvidia-smi --query-gpu=name,compute_cap,driver_version --format=csv,noheader 2>/dev/null | head -1)
[ "$card" ] || { echo "check-gpu: no NVIDIA GPU found on this machine by nvidia-smi" >&2; exit 1; }
found=$(cuda/find.sh)
case $found in missing*) echo "check-gpu: ${found#missing }" >&2; exit 1 ;; esac
echo "check-gpu: $card"

begin=$(date +%s)
rows=build/gpu/rows
failed=
limit() { # SECONDS: this time, or the rest of nine and a half minutes if that is less
    left=$((begin + 570 - $(date +%s)))
    [ "$left" -gt "$1" ] && left=$1
    [ "$left" -lt 1 ] && left=1
    echo "$left"
}
part() { # NAME SECONDS COMMAND...: prints the rows of the command and adds failures to $failed
    name=$1 seconds=$(limit "$2") from=$(date +%s)
    shift 2
    { timeout -k 5 "$seconds" "$@" 2>&1; echo "status $?" >"$rows.status"; } | tee -a "$rows"
    status=$(cut -d' ' -f2 "$rows.status")
    case $status in
        0) ;;
        124 | 137) echo "FAILED  $name: not finished in $seconds s" | tee -a "$rows" ;;
        *) [ "$status" -lt 128 ] || echo "FAILED  $name: ended by signal $((status - 128))" | tee -a "$rows" ;;
    esac
    [ "$status" = 0 ] || failed="$failed $name"
    echo "       $name: $(($(date +%s) - from)) s"
}

own=$(echo "$card" | awk -F', *' '{ sub(/\./, "", $2); print $2 }')
[ "$own" ] && [ "$own" != 90 ] && extra="-gencode arch=compute_$own,code=sm_$own"
echo '#include <Random123/philox.h>' | gcc -E -o /dev/null - 2>/dev/null || philox=-Itests/gpu/include
log=build/gpu/log
mkdir -p build/gpu
: >"$rows"
printf '#include <dnnl.h>\nint main(void) { return !dnnl_version(); }\n' |
    gcc -x c -o "$log" - -x none -ldnnl 2>/dev/null && onednn=yes || onednn=
[ "$onednn" ] && bin=build/gpu/onednn || bin=build/gpu/bare
rm -f $bin/operators $bin/check $bin/check-small $bin/bench
make -s -k -j"$(nproc)" -f tests/gpu/check.mk CUDA_FOUND="$found" EXTRA_ARCH="$extra" PHILOX="$philox" \
    ONEDNN="$onednn" \
    >"$log" 2>&1 || { cat "$log"; failed=" build"; }
echo "       build: $(($(date +%s) - begin)) s"

references=
for npz in tests/data/unet-*.npz ../shared/reference/unet-w32-*.npz; do
    [ -e "$npz" ] || continue
    folder=build/gpu/$(basename "$npz" .npz)
    rm -rf "$folder"
    python3 -m zipfile -e "$npz" "$folder" 2>/dev/null && references="$references $folder"
done
[ "$references" ] || echo "       no python3 found: the reference networks are not compared"

[ -x $bin/operators ] && part operators 120 $bin/operators
[ -x $bin/check ] && part comparisons 200 $bin/check $references
if [ -x $bin/bench ]; then
    printf '\nbackend     \tstride\tL\twhat                      \tvalue    \t'
    printf 'unit              \tTFLOP/s\tof the limit\n'
    part benchmark 150 $bin/bench
fi

# API errors are not reported, as libraries make calls that fail intentionally; our code checks its own calls. Only our
# kernels are checked for races.
sanitizer=$(command -v compute-sanitizer || echo "$(dirname "$(echo "$found" | cut -d' ' -f2)")/compute-sanitizer")
if [ -x "$sanitizer" ] && [ -x $bin/check-small ]; then
    "$sanitizer" --help 2>/dev/null | grep -q -e --kernel-regex && own_kernels="--kernel-regex kns=_kernel"
    for tool in memcheck racecheck; do
        report=build/gpu/$tool.log
        [ $tool = racecheck ] && kernels=$own_kernels || kernels=
        # shellcheck disable=SC2086 # two words or none
        timeout -k 5 "$(limit 120)" "$sanitizer" --tool $tool --report-api-errors no $kernels --error-exitcode 9 \
            $bin/check-small --small >"$report" 2>&1
        case $? in
            0) echo "ok      compute-sanitizer $tool, small case: $(grep -c '^ok ' "$report") rows" ;;
            124 | 137) echo "-       compute-sanitizer $tool: not finished in its time limit" ;;
            9)
                grep -m 40 '^=====' "$report"
                echo "FAILED  compute-sanitizer $tool, small case" | tee -a "$rows"
                failed="$failed $tool" ;;
            *)
                if grep -q 'Device not supported' "$report"; then
                    echo "-       compute-sanitizer $tool: does not support this device"
                else
                    grep -v '^ok ' "$report" | head -40
                    echo "FAILED  compute-sanitizer $tool, small case: rows or the tool itself" | tee -a "$rows"
                    failed="$failed $tool"
                fi ;;
        esac
    done
else
    echo "-       no compute-sanitizer found"
fi

if [ "$(limit 200)" -lt 60 ]; then
    echo "-       PyTorch: left out, no time left"
elif python3 -c 'import torch; assert torch.cuda.is_available()' 2>/dev/null; then
    timeout -k 5 "$(limit 200)" python3 tests/peers/torch_unet.py ||
        echo "-       PyTorch: failed or not finished in its time limit"
else
    echo "-       PyTorch: left out, no PyTorch with CUDA found"
fi

echo "       all: $(($(date +%s) - begin)) s"
[ "$failed" ] && { grep '^FAILED' "$rows"; echo "check-gpu: FAILED:$failed"; exit 1; }
echo "check-gpu: all passed"
