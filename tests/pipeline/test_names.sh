#!/bin/sh
# Values of variables are text, in which neither the shell nor make expands anything. Those that cannot be the name of a
# folder or target are refused, with the name of the variable. Prints TAP.
name=names
. tests/pipeline/tap.sh
. tests/pipeline/short.sh
make="make --no-print-directory $sanitize QUIET=1"
says() { # MESSAGE: the last command failed with it
    [ $? -ne 0 ] && grep -qF -- "$1" "$log"
}
cp -R "$folder/experiments" "$folder/it's (them) & \$HOME"
for results in "run(1" "it's" "a&b)"; do
    here="RESULTS=$folder/$results FIGURES=$folder/$results/figs"
    set -- "RESULTS=$folder/$results" "FIGURES=$folder/$results/a fig\$x;(" "EXPERIMENTS=$folder/it's (them) & \$HOME"
    $make "$@" short >"$log" 2>&1 && grep -q '^short: ' "$log" && [ -s "$folder/$results/a fig\$x;(/short-fig.svg" ]
    check "RESULTS=$results: make short"
    $make "$@" short >"$log" 2>&1 && ! grep -q '^==' "$log" && $make "$@" ledger >"$log" 2>&1 &&
        [ "$(grep -c ' done ' "$log")" -eq 7 ]
    check "RESULTS=$results: make short runs nothing again, and make ledger lists the runs"
    $make "$@" ledger-rebuild report >"$log" 2>&1 && [ -s "$folder/$results/report.html" ]
    check "RESULTS=$results: make ledger-rebuild report"
    $make "$@" reference-short >"$log" 2>&1 && [ "$(ls "$folder/$results/reference/short/runs" | wc -l)" -eq 7 ] &&
        [ -s "$folder/$results/reference/short/short-fig.svg" ]
    check "RESULTS=$results: make reference-short"
done
set -- RESULTS="$folder/it's" EXPERIMENTS="$folder/experiments" FIGURES="$folder/figures"
$make "$@" ledger KEY="x;touch $folder/f" >"$log" 2>&1
says "key 'x;touch $folder/f': expected"
check "KEY is not executed"
$make "$@" ledger KEY=--help >"$log" 2>&1
says "key '--help': expected"
check "KEY is not an option"
$make "$@" THREADS="2;touch $folder/f" SET=training.kappa=0.2 short >"$log" 2>&1
says "--threads = '2;touch $folder/f'"
check "THREADS is not executed"
$make "$@" THREADS="\$(shell touch $folder/f)" SET="ensemble.seed=\$(shell touch $folder/f)" short >"$log" 2>&1
[ ! -e "$folder/f" ]
check "make expands neither THREADS nor SET"
$make "$@" SET="training.seed=5
testing.seed=6" short >"$log" 2>&1 && grep -q '^SET: training.seed=5 testing.seed=6' "$folder/it's/short/short.md"
check "SET may have two lines"
for results in "a b" "a:b" "a%b" "a#b" "a;b" "a=b" "a\$b" "a*b" "a?b" "a[b" "a|b" ""; do
    $make RESULTS="$results" -n short >"$log" 2>&1
    says "RESULTS='$results': expected"
    check "RESULTS=$results is refused"
done

# The Makefile's own targets.
free=
for target in $(sed -n '/^\.PHONY: all/,/[^\\]$/p' Makefile | sed 's/^\.PHONY://; s/ FORCE//; s/\\//'); do
    mkdir -p "$folder/targets" && cp experiments/toy.ini "$folder/targets/$target.ini"
    "${BUILD:-build}/bin/plan" --experiments="$folder/targets" --nodes >"$log" 2>&1
    grep -q "'$target' is a target of the Makefile" "$log" || free="$free $target"
    rm "$folder/targets/$target.ini"
done
[ ! "$free" ] && [ "$target" ]
check "no experiment can have the name of a target of the Makefile$free"

# Profiles.
for profile in quick v1 v1.2; do printf '[ensemble]\nconfigurations = 32\n' \
    >"$folder/experiments/profiles/$profile.ini"; done
for profile in v1.2 v1; do
    $make "$@" PROFILE=$profile short >"$log" 2>&1 && [ -s "$folder/it's/$profile/short/short.md" ] &&
        $make "$@" PROFILE=$profile ledger >"$log" 2>&1 && [ "$(grep -c ' done ' "$log")" -eq 7 ]
    check "make short and ledger with PROFILE=$profile"
done
cp "$folder/experiments/profiles/v1.ini" "$folder/short.ini"
cp "$folder/experiments/profiles/v1.ini" "$folder/reference.ini"
$make "$@" PROFILE="v 1" short >"$log" 2>&1
says "PROFILE='v 1': expected"
check "a PROFILE with a blank is refused"
$make "$@" PROFILE="$folder/short.ini" short >"$log" 2>&1
says "would be that of the experiment"
check "a PROFILE with the name of an experiment is refused"
$make "$@" PROFILE="$folder/reference.ini" short >"$log" 2>&1
says "and not artifacts, reference or paper"
check "a PROFILE with the name of the kept results is refused"
$make "$@" PROFILE=quick reference-short >"$log" 2>&1
says "PROFILE=quick: only results of"
check "results of another scale are not kept"
cp "$folder/experiments/profiles/v1.ini" "$folder/experiments/profiles/reduced.ini"
$make "$@" PROFILE=reduced short reference-short >"$log" 2>&1
says "holds results of PROFILE=paper; remove it first"
check "reduced results do not replace those at the paper's scale"

# A single figure or table, with the records of its nodes, is added to the kept files.
kept="$folder/it's/reference/short"
rm -rf "$kept"
$make "$@" SET= short >"$log" 2>&1 && $make "$@" reference-short ONLY=short-fig >"$log" 2>&1 &&
    [ -s "$kept/short-fig.svg" ] &&
    [ -s "$kept/short-fig.tsv" ] && [ ! -e "$kept/short.md" ] &&
    [ "$(cd "$kept/runs" && echo *)" = "observables-testing.json picture.json testing.json" ]
check "make reference-short ONLY=short-fig keeps the figure and the records of its nodes"
before=$(cksum <"$kept/runs/testing.json")
$make "$@" reference-short ONLY=short >"$log" 2>&1 && [ -s "$kept/short-fig.svg" ] && [ -s "$kept/short.md" ] &&
    [ "$(ls "$kept/runs" | wc -l)" -eq 6 ] && [ "$before" = "$(cksum <"$kept/runs/testing.json")" ]
check "ONLY=short adds the table"
$make "$@" PROFILE=reduced reference-short ONLY=short-fig >"$log" 2>&1
says "holds another result of short/testing (PROFILE=paper)"
check "a result with other parameters does not replace a record"
$make "$@" reference-short ONLY=other >"$log" 2>&1
says "short has no such figure or table"
check "ONLY with an unknown figure or table is refused"
[ "$(ls "$kept/runs" | wc -l)" -eq 6 ]
check "all kept files remain"

# The environment of make.
MAKEFLAGS=rR make --no-print-directory $sanitize -n all >"$log" 2>&1
check "make -rR works"
make --no-print-directory $sanitize -B BUILD="$folder/again" "$folder/again${sanitize:+/sanitize}/src/base/error.o" \
    >"$log" 2>&1
check "make -B compiles"
ARCH=x86_64 make --no-print-directory $sanitize -n all >"$log" 2>&1 && ! grep -q march=x86_64 "$log"
check "ARCH of the environment is ignored"
make --no-print-directory $sanitize ARCH=x86-64 BUILD="$folder/none" -n all >"$log" 2>&1 &&
    grep -q -- '-march=x86-64 ' "$log"
check "ARCH of the command line is used"
for bad in "a b" "a(b" "a'b" 'a$b' "a&b"; do
    make --no-print-directory BUILD="$folder/$bad" -n all >"$log" 2>&1
    says "BUILD='$folder/$bad': expected"
    check "BUILD=$bad is refused"
done

echo "1..$n"
[ $failures -eq 0 ]
