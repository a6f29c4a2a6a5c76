# Langevin trajectories of the double well towards equilibrium (A Fig. 1), as they were simulated: on the left the density
# they start from, on the right the density at later times in the colours of the curves, from the Fokker-Planck equation, and
# the last one's histogram with the equilibrium exp(-S)/Z.
# It draws the first of the data. Columns, first set: trajectory, time, phi; second: time, centre of the bin, density, error; third: time, phi, exact
# density, equilibrium.

eval page(7)

times = ""
last = -1.0
collect(time) = time != last ? (times = times.sprintf(" %.10g", time), last = time, time) : time
stats data index 2 * datasets using (collect($1)) nooutput
count = words(times)
end = 1.0 * word(times, count)
at(k, time, x) = abs(time - word(times, k)) < 1e-9 * end ? x : NaN
stats data index 0 using 1 nooutput
paths = int(STATS_max)
hue(i) = word("#0072b2 #d55e00 #009e73 #cc79a7 #e69f00 #56b4e9", 1 + (i - 1) % 6)

set yrange [-6:6] noextend
set ytics 2
set xtics nomirror
stats data index datasets using ($3 + $4) nooutput
set multiplot

set lmargin at screen 0.065
set rmargin at screen 0.19
set bmargin at screen 0.15
set tmargin at screen 0.9
set title "prior P(ϕ, 0)" offset 0,-0.5
set xrange [1.15 * STATS_max:0] noextend
set xtics 0.2,0.2
set mxtics 2
set ylabel "ϕ" offset 1,0
set xlabel "density"
set style fill solid 1.0 noborder
plot data index datasets using (0):(at(1, $1, $2)):(0):3:($2 - 0.1):($2 + 0.1) with boxxyerror linecolor rgb pale notitle, \
     data index 2 * datasets using 3:(at(1, $1, $2)) with lines linewidth 1.4 dashtype 2 linecolor rgb ink notitle

set lmargin at screen 0.2
set rmargin at screen 0.63
set title "Langevin trajectories"
set xrange [0:end] noextend
set xtics 2
set format y ""
unset ylabel
set xlabel "Langevin time τ"
plot for [i = 1:paths] data index 0 using ($1 == i ? $2 : NaN):3 with lines linewidth 0.45 linecolor rgb hue(i) notitle

set lmargin at screen 0.64
set rmargin at screen 0.985
set title "density P(ϕ, τ)"
set xrange [0:1.15 * STATS_max] noextend
set xtics 0.2,0.2
set xlabel "density"
set key right center reverse Left samplen 1.6 width -3 spacing 1.15 font legend_font # between the two wells
plot data index datasets using (0):(at(count, $1, $2)):(0):3:($2 - 0.1):($2 + 0.1) with boxxyerror linecolor rgb pale title sprintf("τ = %g, simulated", end), \
     data index datasets using 3:(at(count, $1, $2)):4 with xerrorbars linecolor rgb dark pointtype 0 notitle, \
     for [k = 2:count-1] data index 2 * datasets using 3:(at(k, $1, $2)) with lines linetype k-1 dashtype dash(k - 1) title sprintf("τ = %s", word(times, k)), \
     data index 2 * datasets using 4:(at(1, $1, $2)) with lines linewidth 1.4 dashtype 2 linecolor rgb ink title "e^{−S}/Z"
unset multiplot
