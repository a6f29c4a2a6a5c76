#!/bin/sh
# A two-column paper with tables and a figure of Table 1 and three macros compiles, and nothing is wider than its
# column. Skipped without LaTeX. Prints TAP.
name=latex
. tests/pipeline/tap.sh
if ! command -v pdflatex >/dev/null || ! kpsewhich siunitx.sty booktabs.sty >/dev/null; then
    echo "ok 1 - a paper with our table compiles # SKIP pdflatex with siunitx and booktabs is not installed"
    echo "1..1"
    exit 0
fi
dmsq() {
    make --no-print-directory $sanitize PROFILE=tests/pipeline/tiny.ini EXPERIMENTS="$folder/experiments" \
        RESULTS="$folder/results" FIGURES="$folder/figures" QUIET=1 "$@" >"$log" 2>&1
}
mkdir "$folder/experiments" && cp experiments/table1.ini experiments/published.tsv "$folder/experiments"
# Adds a table that fits one column: two rows, two observables.
cat >>"$folder/experiments/table1.ini" <<'END'

[narrow]
stage = table
rows = observables-testing, observables-equilibrium
datasets = testing, equilibrium
labels = Testing (HMC) | Equilibrium
observables = phi2, action
experiment = narrow
title = Two observables of phi^4 theory, 8x8, at kappa = 0.21
END
sed -i 's/^table = comparison/&\ntable.narrow = narrow/' "$folder/experiments/table1.ini"
dmsq -j2 table1
check "make table1 succeeds"

results=$(realpath "$folder/results/tiny/table1") figures=$(realpath "$folder/figures/tiny")
paper() { # TEX: compiles it in $folder, twice for the references
    (cd "$folder" && pdflatex -interaction=nonstopmode -halt-on-error "$1" &&
        pdflatex -interaction=nonstopmode -halt-on-error "$1") >"$log" 2>&1
}
cat >"$folder/paper.tex" <<END
\documentclass[twocolumn]{article}
\usepackage[paperwidth=210mm,textwidth=183mm,textheight=240mm]{geometry}
\usepackage{graphicx,booktabs,siunitx}
\setlength{\columnsep}{5mm}
\input{$results/table1-macros.tex}
\begin{document}
The susceptibility is \dmsqTableOneEquilibriumChiTwo{} in equilibrium and \dmsqTableOneGeneratedChiTwo{} as generated,
\dmsqTableOneGeneratedChiTwoPullEquilibrium{} combined errors apart.
See Tables~\ref{tab:table1-M} and~\ref{tab:narrow-phi2}.
\input{$results/table1.tex}
\input{$results/narrow.tex}
\begin{table}
\caption{The tabular alone}
\footnotesize\setlength{\tabcolsep}{3pt}\sisetup{retain-explicit-plus}
\input{$results/narrow-tabular.tex}
\end{table}
\begin{figure}
\includegraphics[width=\columnwidth]{$figures/fig6.pdf}
\caption{The magnetization.}
\end{figure}
\end{document}
END
paper paper.tex
check "a paper with tables, a figure and macros compiles"
! grep -a 'Overfull\|undefined\|multiply defined' "$folder/paper.log" >"$log"
check "nothing in it is too wide, undefined or defined twice"
grep -q 'begin{table}' "$results/narrow.tex" && grep -q 'begin{table\*}' "$results/table1.tex"
check "the narrow table fits one column, the wide one two"
! grep -qi '\bnan\b\|inf\b' "$results"/*.tex
check "no table says nan"
[ "${KEEP:-}" ] && cp "$folder/paper.pdf" "$KEEP"
echo "1..$n"
[ $failures -eq 0 ]
