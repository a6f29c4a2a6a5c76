#!/bin/sh
# The pipeline run by make, on Table 1 at tiny scale: what runs, what does not, and that the bits do not depend on
# threads, jobs and interruptions. Prints TAP.
name=pipeline
. tests/pipeline/tap.sh
# only this experiment: others may not fit the profile
mkdir "$folder/experiments" && cp experiments/table1.ini "$folder/experiments" || exit 1
make="make --no-print-directory $sanitize PROFILE=tests/pipeline/tiny.ini EXPERIMENTS=$folder/experiments QUIET=1"
here="RESULTS=$folder/results FIGURES=$folder/figures"
dmsq() { # ARGUMENTS: make with the folders of this test
    $make $here "$@" >"$log" 2>&1
}
ran() { # the nodes that the last make ran, sorted
    sed -n "s,^== table1/,,p" "$log" | sort | tr '\n' ' '
}
digests() { (cd "$1" && find . -name '*.npz' -o -name 'figure.*' -o -name 'table.*' | sort | xargs sha256sum); }

drawn_from_models=$(printf '%s ' comparison comparison-effective dm-effective excess excess-effective generated \
    generated-effective \
    generated-gaussian generated-preconditioned generated-wiener loss magnetization model model-effective \
    model-gaussian model-preconditioned model-wiener observables-dm-effective observables-effective \
    observables-gaussian observables-generated observables-preconditioned observables-wiener proposals-effective)
all=$(printf '%s\n' $drawn_from_models equilibrium kept-excess-generated kept-excess-wiener kept-generated \
    kept-wiener observables-equilibrium \
    observables-testing observables-training published-generated testing training |
    sort | tr '\n' ' ')
root=$folder/results/tiny

dmsq -n table1
check "make -n works before anything is computed"
grep -q 'bin/ensemble --' "$log" && grep -q 'bin/table --' "$log" && grep -q -- '--publish=table1' "$log" &&
    [ ! -e "$folder/results" ]
check "make -n shows the commands and computes nothing"

dmsq -j2 table1
check "make -j2 table1 succeeds"
[ "$(ran)" = "$all" ]
check "it runs every node once"
head -1 "$root/table1/table1.tsv" | grep -q "^dataset	observable	value	error" && [ -s "$root/table1/table1.md" ] &&
    [ -s "$root/table1/table1.tex" ]
check "the table exists as .tsv, .md and .tex"
grep -q 'Equilibrium' "$log"
check "the table is printed"
[ -s "$folder/figures/tiny/fig6.pdf" ] && [ -s "$folder/figures/tiny/fig6.svg" ] &&
    [ -s "$folder/figures/tiny/fig6.png" ]
check "the figure exists as PDF, SVG and PNG"
[ -f "$root/table1/model.npz" ] && [ -L "$root/table1/model.npz" ] && [ -f "$root/table1/observables-equilibrium.npz" ]
check "nodes have links"
head -1 "$root/table1/table1-excess.tsv" | grep -q "^curve	excess.sigma	excess.excess	excess.error	" &&
    [ -s "$root/table1/fig6.tsv" ]
check "the numbers of the figures exist as .tsv"

best=100000
for i in 1 2 3; do
    start=$(date +%s%N)
    dmsq table1
    took=$((($(date +%s%N) - start) / 1000000))
    [ $took -lt $best ] && best=$took
done
[ "$(ran)" = "" ] && grep -q 'Equilibrium' "$log"
check "a second make runs no stage and prints the table"
echo "# it took $best ms"

before=$(digests "$root/artifacts")
dmsq SET=train.epochs=3 table1
[ "$(ran)" = "$drawn_from_models" ]
check "SET=train.epochs runs train and the nodes that depend on it: $(ran)"
grep -q '^SET: train.epochs=3' "$root/table1/table1.md" &&
    grep -q 'SET: train.epochs=3' "$folder/figures/tiny/table1-excess.svg"
check "the table and the figure state the assignment"
dmsq SET="model.epochs=2 training.kappa=0.21" table1 && [ "$(ran)" = "" ]
check "SET with unchanged values runs nothing: $(ran)"
dmsq table1 && [ "$(ran)" = "" ] && ! grep -q 'SET:' "$root/table1/table1.md"
check "without SET again nothing runs: $(ran)"

cp figures/magnetization.gp "$folder/style.gp"
dmsq SET="magnetization.style=$folder/style.gp" table1 && [ "$(ran)" = "" ]
check "a style with another name but the same content redraws nothing: $(ran)"
echo 'set title "another"' >>"$folder/style.gp"
cp "$folder/figures/tiny/fig6.svg" "$folder/old.svg"
dmsq SET="magnetization.style=$folder/style.gp" table1
[ "$(ran)" = "magnetization " ]
check "a changed style redraws the figure and nothing else: $(ran)"

dmsq SET=model.epochs=1 fig6
[ "$(ran)" = "generated magnetization model observables-generated " ]
check "make fig6 computes only what the figure needs: $(ran)"

# Two makes at once, with nothing computed: every artifact is computed by only one of them.
dmsq SET="training.seed=77 testing.seed=78 equilibrium.seed=79" table1 &
first=$!
$make $here SET="training.seed=77 testing.seed=78 equilibrium.seed=79" table1 >"$folder/log2" 2>&1
second=$?
wait $first && [ $second -eq 0 ]
check "two makes at once both succeed"
twice=$(for f in "$root"/artifacts/*/runs; do [ "$(grep -l '"status": *"done"' "$f"/*.json | wc -l)" -eq 1 ] ||
    echo "$f"; done)
[ "$twice" = "" ]
check "no artifact is computed twice: $twice"

# The same bits from one thread and one job, in other folders.
$make RESULTS="$folder/again" FIGURES="$folder/figures-again" THREADS=1 table1 >"$log" 2>&1
after=$(digests "$folder/again/tiny/artifacts")
[ "$after" ] && [ "$before" = "$after" ]
check "one thread and one job give the same bits as two"

# If make is terminated, the stage receives the signal, saves its state and is recorded as interrupted; the next make
# resumes from there.
runs() { # the run records of the node `model` made since the mark
    find "$root/artifacts" -newer "$folder/mark" -name '*.json' -path '*/runs/*' -exec grep -l \
        '"label": "table1/model"' {} +
}
touch "$folder/mark"
$make $here SET=model.epochs=100000 table1 >"$log" 2>&1 &
job=$!
for i in $(seq 600); do
    record=$(runs)
    [ "$record" ] && [ -e "${record%/runs/*}/checkpoint.npz" ] && break
    sleep 0.1
done
kill $job
wait $job
[ $? -ne 0 ] && [ "$record" ] && for i in $(seq 100); do grep -q '"status": "interrupted"' "$record" &&
    break; sleep 0.1; done &&
    grep -q '"message": "interrupted by SIGTERM"' "$record" && [ -e "${record%/runs/*}/checkpoint.npz" ]
check "the stage of a terminated make saves its state and records the interruption"

# The artifact is complete and the stage waits for the ledger: make must not remove the artifact if it is terminated
# now.
touch "$folder/mark"
$make $here SET=model.epochs=600 table1 >"$log" 2>&1 &
job=$!
for i in $(seq 3000); do
    record=$(runs)
    [ "$record" ] && break
    sleep 0.02
done
exec 9>"$root/ledger.sqlite.lock"
flock 9
for i in $(seq 1200); do [ -e "${record%/runs/*}/artifact.npz" ] && break; sleep 0.1; done
early=$([ -e "${record%/runs/*}/run.json" ] || echo yes)
kill $job
sleep 0.3
exec 9>&-
wait $job
[ $? -ne 0 ] && [ "$record" ] && [ "$early" ] && [ -s "${record%/runs/*}/artifact.npz" ]
check "a complete artifact remains if make is terminated"
dmsq SET=model.epochs=600 table1 && ! grep -q '^== table1/model$' "$log"
check "it is not computed again: $(ran)"

# As after a kill of the stage between writing the artifact and its record.
left=${record%/runs/*}
mv "$left/run.json" "$left/pending-run.json" && sed -i 's/"status": "done"/"status": "running"/' "$record"
dmsq SET=model.epochs=600 table1 && [ "$(ran)" = "model " ] && [ -s "$left/run.json" ] &&
    [ ! -e "$left/pending-run.json" ] &&
    grep -q '"status": "done"' "$record" && [ "$(ls "$left/runs" | wc -l)" -eq 1 ]
check "the next make completes the record of a killed stage"

# Errors of the user have status 2 and a message.
refused() { # MESSAGE ARGUMENTS...: make table1 with these fails with the message
    message=$1
    shift
    dmsq "$@" table1
    [ $? -eq 2 ] && grep -q "$message" "$log"
}
mkdir -p "$folder/toolkit/bin" && printf '#!/bin/sh\necho release 11.8, V11.8.89\n' >"$folder/toolkit/bin/nvcc" &&
    chmod +x "$folder/toolkit/bin/nvcc"
CUDA_HOME=$folder/toolkit cuda/find.sh | grep -q '^missing nvcc was found .*has release 11; 12 or later is needed$'
check "an old CUDA toolkit is not used"
absent=$folder/build${sanitize:+/sanitize}/cuda/absent.o
$make BUILD="$folder/build" CUDA_FOUND="missing nvcc's own libraries" "$absent" >"$log" 2>&1 &&
    strings "$absent" 2>/dev/null | grep -q "^nvcc's own libraries$"
check "the reason for no CUDA may contain an apostrophe"
if cuda/find.sh | grep -q '^missing' || [ "$sanitize" ]; then
    refused 'no CUDA backend is built: .*; expected cpu' BACKEND=cuda
    check "BACKEND=cuda is refused, with the reason"
fi
refused 'BACKEND=gpu: expected cpu|cuda' BACKEND=gpu
check "an unknown BACKEND is refused"
refused "SET: trian.epochs=3: unknown 'trian'; expected a stage or a node; did you mean 'train'?" SET=trian.epochs=3
check "SET with an unknown name suggests the nearest"
refused "SET: train.epochs=0: epochs = '0': expected an integer in" SET=train.epochs=0
check "SET out of range states the range"
refused 'PROFILE=quik: cannot read' PROFILE=quik
check "an unknown PROFILE is refused"
refused "ISA='avx-2': expected one of sse41 avx avx2 " ISA=avx-2
check "an unknown ISA is refused"
refused "RESULTS='.*/with a blank': expected a folder's name without blanks" RESULTS="$folder/with a blank"
check "RESULTS that make cannot handle is refused"

# The examples of SET in the README, with all experiments.
sed -n 's/^    make \(-n \)*\(table1 SET="[^"]*"\).*/\2/p' README.md | sort -u >"$folder/examples"
while read -r example; do
    eval make --no-print-directory $sanitize -n RESULTS="$folder/none" FIGURES="$folder/none" "$example" >"$log" 2>&1 &&
        grep -q 'bin/table --' "$log"
    check "make -n $example plans the table"
done <"$folder/examples"
[ "$(wc -l <"$folder/examples")" -ge 2 ]
check "the README has examples of SET"
make --no-print-directory $sanitize -n RESULTS="$folder/none" FIGURES="$folder/none" SET=training.lattice=30x30 \
    fig15 >"$log" 2>&1
[ $? -eq 0 ] && grep -q 'printf .*fig15.ini:[0-9]*: network: lattice is 30 x 30, .* >&2; exit 2' "$log"
check "a value that is invalid in one experiment is reported there"

# All experiments, at every scale.
for profile in paper quick reduced; do
    make --no-print-directory $sanitize -n PROFILE=$profile RESULTS="$folder/none" FIGURES="$folder/none" paper \
        >"$log" 2>&1
    check "make -n paper PROFILE=$profile plans every experiment"
done

echo "1..$n"
[ $failures -eq 0 ]
