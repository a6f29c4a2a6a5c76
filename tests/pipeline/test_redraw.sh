#!/bin/sh
# make redraw draws kept figures again from their kept tables, without the artifacts; with the same style it gives the
# same bytes. Prints TAP.
name=redraw
. tests/pipeline/tap.sh
bin=$(cd "${BUILD:-build}/bin" && pwd) || exit 1
mkdir "$folder/results" && cp -R results/reference "$folder/results" && cp -R experiments figures "$folder" || exit 1
kept=$folder/results/reference
redraw() { # OPTIONS: in the test's folder
    (cd "$folder" && "$bin/redraw" "$@") >"$log" 2>&1
}
same() { # FILES...: status 0 if they equal those in git
    for file in "$@"; do
        cmp "results/reference/$file" "$kept/$file" >>"$log" 2>&1 || return 1
    done
}
redraw && ! grep -q ': redrawn$' "$log" && redraw --profile=reduced && ! grep -q ': redrawn$' "$log"
check "the kept figures have their present styles (else: make redraw)"
drawn_with=$(sed -n 's/^ *"gnuplot": "\(.*\)",*$/\1/p' results/reference/table1/runs/magnetization.json)
if [ "gnuplot $drawn_with" = "$(gnuplot --version)" ]; then svg=svg; else svg=tsv; fi
echo '# the same picture' >>"$folder/figures/style.gp"
for figure in broken/fig5 table1/fig6 fig8/fig8-effective broken/fig4 fig9/fig9; do
    record=$(grep -l "$(sha256sum <"results/reference/$figure.svg" | cut -d' ' -f1)" \
        "results/reference/${figure%/*}"/runs/*.json)
    record=${record#results/reference/}
    redraw --only="${figure#*/}" && grep -q "^${figure#*/}: redrawn$" "$log" &&
        same "$figure.tsv" "$figure.$svg" && [ -s "$kept/$figure.png" ] &&
        ! cmp -s "results/reference/$record" "$kept/$record" &&
        grep -q '"numbers_of": "2' "$kept/$record"
    check "$figure: the same bytes, and a new run record"
done
redraw --only=fig15 && grep -q '^fig15: redrawn$' "$log" && same fig15/fig15.tsv fig15/fig15.$svg &&
    { ! grep -q nan "$kept/fig15/fig15.tsv" || grep -q 'points not computed' "$kept/fig15/fig15.svg"; }
check "a figure that may lack points, with its remark"
redraw --profile=reduced --only=fig15 && [ ! -s "$log" ]
check "a figure of another profile is left alone"
redraw --only=fig6 && [ ! -s "$log" ]
check "a figure with its present style is not redrawn"
redraw --only=fig6 --set="plot.xlabel=magnetization" && grep -q 'magnetization' "$kept/table1/fig6.svg" &&
    ! cmp -s "results/reference/table1/fig6.svg" "$kept/table1/fig6.svg"
check "a changed text is drawn"
cp "$kept/table1/fig6.svg" "$folder/before.svg"
redraw --only=fig6 --set="plot.bins=20" &&
    grep -q '^fig6: not redrawn, since it would have other numbers than the kept figure (bins)' "$log" &&
    cmp -s "$folder/before.svg" "$kept/table1/fig6.svg"
check "a figure of other numbers is not redrawn"
sed -i '2s/[0-9]$/9/' "$kept/table1/fig6.tsv"
redraw --only=fig6
[ $? -eq 2 ] && grep -q 'fig6.tsv is not the table of the run record' "$log" &&
    cmp -s "$folder/before.svg" "$kept/table1/fig6.svg" &&
    [ -z "$(find "$folder/results" -name '*.tmp-*')" ]
check "a figure is not drawn from a changed table"
echo "1..$n"
[ $failures -eq 0 ]
