#!/bin/sh
# An archive as others receive it. The validators bagit and roc-validator accept it (installed from PyPI into a
# temporary environment; skipped if that fails). In another folder its make builds, recomputes everything and finds the
# same bytes. Prints TAP.
name=archive
. tests/pipeline/tap.sh
mkdir "$folder/experiments" && cp tests/pipeline/provenance.ini "$folder/experiments/chain.ini" || exit 1
dmsq() {
    make --no-print-directory $sanitize EXPERIMENTS="$folder/experiments" RESULTS="$folder/results" \
        FIGURES="$folder/figures" \
        ARCHIVES="$folder/archives" QUIET=1 "$@" >"$log" 2>&1
}
dmsq chain
check "make chain succeeds"
# A failed attempt before the successful one.
runs=$(dirname "$(readlink -f "$folder/results/chain/model.npz")")/runs
sed 's/"status": "done"/"status": "failed"/; s/"message": ""/"message": "no space left on device"/
s/"id": "[0-9]*T/"id": "20200101T/
     s/"start": "[0-9-]*T/"start": "2020-01-01T/; /"outputs": \[/,/\]/d' "$runs"/*.json \
    >"$folder/failed.json" && mv "$folder/failed.json" "$runs/20200101T000000Z-1.json"
dmsq ledger-rebuild && dmsq archive NAME=chain LICENSE=CC-BY-4.0
check "make archive succeeds"
bag=$(echo "$folder"/archives/chain-*.*[0-9])
[ "$(grep -c FailedActionStatus "$bag/data/ro-crate-metadata.json")" -eq 1 ]
check "the failed attempt is in its metadata"

peers=build/tmp/peers
[ -x $peers/bin/python ] || python3 -m venv $peers >"$log" 2>&1
if $peers/bin/python -c 'import bagit, rocrate_validator' 2>/dev/null ||
    $peers/bin/pip install -q bagit roc-validator >"$log" 2>&1; then
    $peers/bin/python -m bagit --validate "$bag" >"$log" 2>&1
    check "bagit: $(tail -1 "$log" | sed 's/.* - //')"
    $peers/bin/python tests/peers/rocrate_contexts.py "$folder/cache" >"$log" 2>&1
    for profile in ro-crate-1.1 process-run-crate-0.5 workflow-run-crate-0.5 provenance-run-crate-0.5; do
        $peers/bin/rocrate-validator -y validate --offline --cache-path "$folder/cache" -p $profile -l required \
            "$bag/data" >"$log" 2>&1
        check "roc-validator: $(grep -o '\[[A-Z]*\] [^!]*' "$log" | tail -1)"
    done
else
    n=$((n + 1))
    echo "ok $n - the archive is valid # SKIP bagit and roc-validator cannot be installed"
fi

# In a folder outside the tree, with the system's programs only and without a home folder.
elsewhere=$(mktemp -d "${TMPDIR:-/tmp}/dmsq-archive.XXXXXX") || exit 1
trap 'clean_up; rm -rf "$elsewhere"' EXIT
tar -C "$elsewhere" -xzf "$bag.tar.gz" && unpacked=$(echo "$elsewhere"/*)
env -i PATH="$PATH" HOME="$elsewhere/nowhere" make -C "$unpacked/data" -j2 >"$log" 2>&1 &&
    grep -q '^7 artifacts: 7 identical$' "$log" &&
    grep -q '^8 run records: the ledger has all of them$' "$log"
check "make in the unpacked archive builds, recomputes and finds the same bytes"
(cd "$unpacked" && sha256sum --quiet -c manifest-sha256.txt &&
    [ "$(find data -type f | wc -l)" -eq "$(wc -l <manifest-sha256.txt)" ]) >"$log" 2>&1
check "the archive is unchanged after that"
echo >>"$unpacked/data/experiments/chain.ini"
make -C "$unpacked/data" check >"$log" 2>&1
[ $? -ne 0 ] && grep -q 'experiments/chain.ini: FAILED' "$log"
check "make check finds a changed file"
echo "1..$n"
[ $failures -eq 0 ]
