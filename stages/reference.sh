#!/bin/sh
# Keeps tables, figures and run records of an experiment in RESULTS/reference/NAME, whole or not at all, for make reference-NAME.
# Usage: PLAN=COMMAND sh stages/reference.sh NAME RESULTS ROOT FIGURES EXPERIMENTS PROFILE
set -e
name=$1 kept=$2/reference/$1 root=$3 figures=$4 experiment=$5/$1.ini profile=$6
new=$kept.new
# Run records say in which folder of results they were made, which ends in the name of the profile.
record=$(ls "$kept"/runs/*.json 2>/dev/null | head -1)
if [ "$record" ]; then
    case $(sed -n 's/^  "folder": "\(.*\)\/artifacts\/[0-9a-f]*",$/\1/p' "$record") in
    */reduced) was=reduced ;;
    *) was=paper ;;
    esac
    [ "$was" = "$profile" ] || {
        echo "$kept holds results of PROFILE=$was; remove it first where those of PROFILE=$profile are to take their place" >&2
        exit 2
    }
fi
rm -rf "$new"
trap 'rm -rf "$new"' EXIT
mkdir -p "$new/runs"
for file in "$root/$name"/*.tsv "$root/$name"/*.md "$root/$name"/*.tex; do
    [ ! -e "$file" ] || cp -L "$file" "$new"
done
for figure in $(sed -n 's/^figure\.\([a-z0-9-]*\) *=.*/\1/p' "$experiment"); do
    cp "$figures/$figure.svg" "$figures/$figure.png" "$new"
done
eval "$PLAN --nodes" >"$new/nodes"
while read -r node stage key; do
    case $node in
    "$name"/*) cp "$root/artifacts/$key/run.json" "$new/runs/${node#*/}.json" ;;
    esac
done <"$new/nodes"
rm "$new/nodes"
count=$(ls "$new/runs" | wc -l)
[ "$count" -gt 0 ] || { echo "$name: there is no such experiment" >&2; exit 1; }
rm -rf "$kept"
mv "$new" "$kept"
echo "$kept: $count run records"
