#!/bin/sh
# Keeps the run records of those points of a figure that are computed, for make points: in
# RESULTS/reference/EXPERIMENT-points/runs, from ROOT/artifacts or from other kept records. When all are there (with
# --gaps=yes in DRAW: now), the figure is drawn from them. It and these records replace the kept figure of
# RESULTS/reference/EXPERIMENT.
# Usage: PLAN=COMMAND DRAW=COMMAND sh stages/points.sh FIGURE RESULTS ROOT
set -ef
figure=$1 reference=$2/reference root=$3
key_of() { sed -n 's/^  "key": "\([0-9a-f]*\)",$/\1/p' "$1"; }
nodes=$(eval "$PLAN --nodes --only=\$figure")
experiment=${nodes%%/*}
[ "$nodes" ] || { printf '%s\n' "there is no figure called $figure; 'make help' lists them" >&2; exit 2; }
kept=$reference/$experiment points=$reference/$experiment-points
[ -d "$points" ] && begun=yes || begun=
mkdir -p "$points/runs"
rm -f "$points/$figure.svg" # of a run that was killed
find_record() { # KEY: prints the path of its finished record, if there is one; not of format 1, whose notes are rounded
    if [ -e "$root/artifacts/$1/run.json" ]; then
        echo "$root/artifacts/$1/run.json"
    else
        find "$reference" -path '*/runs/*.json' -exec grep -l "^  \"key\": \"$1\",\$" {} + |
            tr '\n' '\0' | xargs -0 -r grep -l '^  "format": 2,$' | head -1
    fi
}
printf '%s\n' "$nodes" | while read -r node stage key; do
    copy=$points/runs/${node#*/}.json
    if [ "$stage" != plot ] && { [ ! -e "$copy" ] || [ "$(key_of "$copy")" != "$key" ]; }; then
        record=$(find_record "$key")
        [ ! "$record" ] || { cp "$record" "$copy.new" && mv "$copy.new" "$copy"; }
    fi
done
eval "$DRAW --only=\$figure" || { [ "$begun" ] || rm -rf "$points"; exit 2; }
if [ ! -e "$points/$figure.svg" ]; then
    printf '%s\n' "$points/runs: $(ls "$points/runs" | wc -l) records so far"
    [ "$(ls "$points/runs")" ] || rm -r "$points"
    exit 0
fi
mkdir -p "$kept/runs"
printf '%s\n' "$nodes" | sed 's,^[^/]*/\([^ @	]*\).*,\1,' | sort -u | while read -r family; do
    rm -f "$kept/runs/$family.json"
    find "$kept/runs" -name "$family@*.json" -exec rm -f {} +
done
find "$points" -type f | while read -r file; do
    mv "$file" "$kept/${file#"$points/"}"
done
rm -r "$points"
printf '%s\n' "$kept: $figure, with the run records of its points"
