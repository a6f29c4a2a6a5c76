# The two processes of a diffusion model (A Fig. 2, B Fig. 1), simulated for the double well with the exact score: a row each
# of the data. On the left the density the trajectories start from, on the right that where they end: histograms of
# simulated trajectories, and the exact p_t dashed.
# Columns as for figures/langevin.gp. The axis of phi is linear near zero and logarithmic far away (asinh), since the noise
# is so much wider than the data.

eval page(13)

times = ""
last = -1.0
collect(time) = time != last ? (times = times.sprintf(" %.10g", time), last = time, time) : time
stats data index 2 * datasets using (collect($1)) nooutput
count = words(times)
at(k, time, x) = abs(time - word(times, k)) < 1e-9 ? x : NaN
stats data index 0 using 1 nooutput
paths = int(STATS_max)
hue(i) = word("#0072b2 #d55e00 #009e73 #cc79a7 #e69f00 #56b4e9", 1 + (i - 1) % 6)
stats data index 1 * datasets using 2 nooutput
half = 0.5 * (STATS_max - STATS_min) / (STATS_records / count - 1)

bend = 4.0
set nonlinear y via asinh(y / bend) inverse bend * sinh(y)
set ytics (-30, -10, -4, 0, 4, 10, 30)
unset mytics
set xtics nomirror
set style fill solid 1.0 noborder
stats data index datasets:(2 * datasets - 1) using ($3 + $4) nooutput
most = 1.15 * STATS_max

set yrange [-30:30] noextend
set label 90 sprintf("axis of ϕ: linear within ±%g, logarithmic beyond (asinh)", bend) at screen 0.07, screen 0.018 left font small
set multiplot
do for [d = 1:datasets] {
    set bmargin at screen 0.1 + (datasets - d) * 0.495
    set tmargin at screen 0.1 + (datasets - d) * 0.495 + 0.345
    histogram = datasets + d - 1
    curve = 2 * datasets + d - 1

    set lmargin at screen 0.07
    set rmargin at screen 0.2
    set title (d == 1 ? "data p_0" : "prior p_T") offset 0,-0.5
    set xrange [most:0] noextend
    set xtics 0.1,0.1
    set mxtics 2
    set ylabel "ϕ" offset 1,0
    set format y "%h"
    set xlabel "density" offset 0,0.3
    plot data index histogram using (0):(at(1, $1, $2)):(0):3:($2 - half):($2 + half) with boxxyerror linecolor rgb pale notitle, \
         data index curve using 3:(at(1, $1, $2)) with lines linewidth 1.4 dashtype 2 linecolor rgb ink notitle

    unset label 90
    set lmargin at screen 0.21
    set rmargin at screen 0.85
    set title label[d]
    set xrange [0:1] noextend
    set xtics 0.25
    set format y ""
    unset ylabel
    set xlabel (d == 1 ? "t" : "τ = 1 − t") offset 0,0.3
    plot for [i = 1:paths] data index d-1 using ($1 == i ? $2 : NaN):3 with lines linewidth 0.45 linecolor rgb hue(i) notitle

    set lmargin at screen 0.86
    set rmargin at screen 0.985
    set title (d == 1 ? "noise p_T" : "samples p_0")
    set xrange [0:most] noextend
    set xtics 0.1,0.1
    set xlabel "density" offset 0,0.3
    plot data index histogram using (0):(at(count, $1, $2)):(0):3:($2 - half):($2 + half) with boxxyerror linecolor rgb pale notitle, \
         data index curve using 3:(at(count, $1, $2)) with lines linewidth 1.4 dashtype 2 linecolor rgb ink notitle
}
unset multiplot
