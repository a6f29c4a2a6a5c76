# Error of the learned drift of the toy theory, s_theta - s, as root of the mean square over p_t, against the noise level s.
# Multiplied by s(t) it does not depend on units: its square is what the model's loss lies above the best possible.
# Columns, first set: tau, noise level, error, relative, times s, rms of the exact score. The second set, moments, stands in
# the table only.

set logscale xy
set xlabel (xlabel eq "" ? "noise level s(1 − τ)" : xlabel)
set ylabel (ylabel eq "" ? "error of the drift times s(1 − τ)" : ylabel)
set format x "10^{%T}"
set format y "10^{%T}"
set mxtics 10
set mytics 10
eval legend(datasets)
stats data index 0:(datasets - 1) using 2:5 nooutput
set xrange [STATS_min_x / 1.4:STATS_max_x * 1.4] noextend
set yrange [STATS_min_y / 1.6:STATS_max_y * 1.6] noextend

plot for [i = 1:datasets] data index i-1 using 2:5 with linespoints linetype i dashtype dash(i) title label[i]
