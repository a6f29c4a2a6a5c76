#!/bin/sh
# pyerrors reads the files of make export FORMAT=pyerrors and finds our values, errors and autocorrelation times. It is
# installed from PyPI into a temporary environment; skipped if that fails. Prints TAP.
name=pyerrors
. tests/pipeline/tap.sh
. tests/pipeline/own_lattice.sh
peers=build/tmp/peers
[ -x $peers/bin/python ] || python3 -m venv $peers >"$log" 2>&1
$peers/bin/python -c 'import pyerrors' 2>/dev/null || $peers/bin/pip install -q pyerrors >"$log" 2>&1 || {
    echo "ok 1 - pyerrors reads our exports # SKIP pyerrors cannot be installed"
    echo "1..1"
    exit 0
}
set="chains.configurations=4096 one.configurations=512"
printf '\n[observables-exact]\nstage = observables\nfields = chains\ngradient = exact\n' >>"$folder/experiments/own.ini"
dmsq SET="$set" own
check "make own succeeds"
for node in chains one exact; do
    dmsq SET="$set" export NODE=own/observables-$node FORMAT=pyerrors
    check "make export NODE=own/observables-$node succeeds"
    $peers/bin/python tests/peers/pyerrors_export.py "$folder/results/export/own/observables-$node.json.gz" \
        "$folder/results/own/observables-$node.npz" >"$log" 2>&1
    check "pyerrors finds the values and errors of $node: $(tail -1 "$log")"
done
echo "1..$n"
[ $failures -eq 0 ]
