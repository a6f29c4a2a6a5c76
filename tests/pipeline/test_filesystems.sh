#!/bin/sh
# File systems without locks, links or fsync of folders, simulated by a preloaded library (refuse.c), and read-only
# results. Prints TAP.
name=filesystems
. tests/pipeline/tap.sh
[ "$sanitize" ] && { echo "1..0 # SKIP sanitizers do not allow preloading"; exit 0; }
. tests/pipeline/short.sh
build=${BUILD:-build}
${CC:-gcc} -shared -fPIC -O1 -o "$folder/refuse.so" tests/pipeline/refuse.c -ldl >"$log" 2>&1
check "the preloaded library compiles"
dmsq short
check "make short succeeds on a complete file system"
digests() { (cd "$1/artifacts" && find . -name '*.npz' -o -name 'table.*' -o -name 'figure.*' | sort |
    xargs sha256sum); }
whole=$(digests "$root")

# ENOSYS 38, ENOLCK 37, EOPNOTSUPP 95, EBADF 9, EACCES 13, EPERM 1, EIO 5
lacking() { # CALLS GOALS...: make on a file system without these calls
    what=$1
    shift
    REFUSE=$what LD_PRELOAD=$PWD/$folder/refuse.so $make RESULTS="$folder/lacking" FIGURES="$folder/lacking-figures" \
        "$@" >"$log" 2>&1
}
for what in "flock=38 fcntl=38 fsync=95 symlink=1" "flock=37 fsync=9 symlink=95" \
    "flock=95 fcntl=37 fsync=13 symlink=38"; do
    rm -rf "$folder/lacking" "$folder/lacking-figures"
    lacking "$what" short && [ "$(digests "$folder/lacking")" = "$whole" ] &&
        grep -q 'the file system has no locks' "$log" &&
        ! grep -q fsync "$log" && cmp "$folder/lacking/short/short.tsv" "$root/short/short.tsv" >>"$log" 2>&1 &&
        [ ! -L "$folder/lacking/short/training.npz" ]
    check "all results are made without these calls: $what"
    make --no-print-directory RESULTS="$folder/lacking" ledger >"$log" 2>&1 && [ "$(grep -c ' done ' "$log")" -eq 7 ]
    check "the ledger has all runs"
done
before=$(stat -c %i "$folder/lacking/short/training.npz")
lacking symlink=1 short && [ "$(stat -c %i "$folder/lacking/short/training.npz")" = "$before" ]
check "an unchanged file is not copied again instead of a link"
lacking symlink=1 SET=ensemble.kappa=0.2 short && [ "$(stat -c %i "$folder/lacking/short/training.npz")" != "$before" ]
check "a changed one is copied"
rename() { sed -i "s/^\\[$1\\]/[$2]/; s/training = $1/training = $2/; s/fields = $1/fields = $2/" \
    "$folder/experiments/short.ini"; }
rename training learning
lacking symlink=1 short && [ -f "$folder/lacking/short/learning.npz" ] && [ ! -e "$folder/lacking/short/training.npz" ]
check "copies of removed nodes are removed"
rename learning training
lacking symlink=0 short && [ -L "$folder/lacking/short/training.npz" ] && [ ! -e "$folder/lacking/short/.copies" ]
check "when there are links again, they replace the copies"

REFUSE=fsync=5 LD_PRELOAD=$PWD/$folder/refuse.so "$build/bin/ensemble" --lattice=4,4 --configurations=8 \
    --test-chains=0 \
    --thermalisation=2 --output="$folder/broken" >"$log" 2>&1
[ $? -ne 0 ] && grep -q 'cannot fsync the folder of the file: Input/output error' "$log"
check "an input/output error is not mistaken for a missing call"

# Results of another user: they may be read, not written.
if [ "$(id -u)" = 0 ]; then
    as="setpriv --reuid=65534 --regid=65534 --clear-groups"
else
    as=env
    chmod -R a-w "$root" "$folder/figures"
fi
chmod 755 "$folder"
if $as test -r "$folder/experiments" 2>/dev/null; then
    $as "$build/bin/plan" --experiments="$folder/experiments" --results="$root" --figures="$folder/figures" \
        --publish=short \
        >"$log" 2>&1 && grep -q '^short: ' "$log"
    check "publishing complete results needs no write permission"
    node=$(dirname "$(readlink -f "$root/short/testing.npz")")
    $as "$build/bin/ensemble" --lattice=8,8 --configurations=64 --thermalisation=10 --test-chains=16 --seed=2 \
        --output="$node" \
        >"$log" 2>&1 && grep -q 'is up to date' "$log"
    check "a stage that is up to date needs none"
    $as "$build/bin/plan" --experiments="$folder/experiments" --results="$root" --figures="$folder/none/figures" \
        --publish=short \
        >"$log" 2>&1
    [ $? -eq 1 ] && grep -q 'publish.lock: cannot open: Permission denied' "$log"
    check "publishing a change does"
fi
chmod -R u+w "$root" "$folder/figures"

echo "1..$n"
[ $failures -eq 0 ]
