#!/bin/sh
# Copies tables, figures and run records of an experiment to RESULTS/reference/NAME, all or none, for make
# reference-NAME. With ONLY="TABLE FIGURE ..." it copies just these, with the run records of their nodes, and leaves the
# other kept files.
# Usage: PLAN=COMMAND ONLY=NAMES sh stages/reference.sh NAME RESULTS ROOT FIGURES EXPERIMENTS PROFILE
set -ef
name=$1 kept=$2/reference/$1 root=$3 figures=$4 experiment=$5/$1.ini profile=$6
new=$kept.new
fail() {
    printf '%s\n' "$*" >&2
    exit 2
}
# The profile is the end of the name of the folder of results, which is in the run record.
profile_of() {
    case $(sed -n 's/^  "folder": "\(.*\)\/artifacts\/[0-9a-f]*",$/\1/p' "$1") in
    */reduced) echo reduced ;;
    *) echo paper ;;
    esac
}
key_of() { sed -n 's/^  "key": "\([0-9a-f]*\)",$/\1/p' "$1"; }
copy() { # FILE: copies it, if it exists
    [ ! -e "$1" ] || cp -L "$1" "$new"
}
keep_record() { # NODE STAGE KEY
    record=$new/runs/$1.json
    # Figures and tables may be drawn again, from the same results in another style.
    case $2 in
    plot | table) [ "$(key_of "$record" 2>/dev/null)" = "$3" ] || rm -f "$record" ;;
    esac
    if [ -e "$record" ] && [ "$(key_of "$record")" != "$3" ]; then
        fail "$kept holds another result of $name/$1 (PROFILE=$(profile_of "$record"));" \
            "expected the same result; keep the whole experiment again, without ONLY"
    fi
    # An existing record states when this result was first computed.
    [ -e "$record" ] || cp "$root/artifacts/$3/run.json" "$record"
}
rm -rf "$new"
trap 'rm -rf "$new"' EXIT
mkdir -p "$new/runs"
if [ "$ONLY" ]; then
    [ ! -d "$kept" ] || cp -R "$kept/." "$new"
    for one in $ONLY; do
        eval "$PLAN --publish=\$name --only=\$one" >/dev/null
        for end in .tsv .md .tex -tabular.tex -macros.tex -figure.tsv; do
            copy "$root/$name/$one$end"
        done
        for end in svg png; do
            copy "$figures/$one.$end"
        done
        eval "$PLAN --nodes --only=\$one" >>"$new/nodes"
    done
else
    eval "$PLAN --publish=\$name" >/dev/null
    set +f
    for record in "$kept"/runs/*.json; do
        [ ! -e "$record" ] || [ "$(profile_of "$record")" = "$profile" ] ||
            fail "$kept holds results of PROFILE=$(profile_of "$record");" \
                "remove it first to replace them by those of PROFILE=$profile"
    done
    for file in "$root/$name"/*.tsv "$root/$name"/*.md "$root/$name"/*.tex; do
        copy "$file"
    done
    set -f
    for figure in $(sed -n 's/^figure\.\([a-z0-9-]*\) *=.*/\1/p' "$experiment"); do
        cp "$figures/$figure.svg" "$figures/$figure.png" "$new"
    done
    eval "$PLAN --nodes" >"$new/nodes"
fi
while read -r node stage key; do
    case $node in
    "$name"/*) keep_record "${node#*/}" "$stage" "$key" ;;
    esac
done <"$new/nodes"
rm "$new/nodes"
count=$(ls "$new/runs" | wc -l)
[ "$count" -gt 0 ] || { echo "$name: no experiment of this name found" >&2; exit 1; }
rm -rf "$kept"
mv "$new" "$kept"
echo "$kept: $count run records"
