# Excess loss of a score model over the Wiener filter, the best linear denoiser, against the noise level:
# integrated over log s it is, in nats, how far the model is from the data.
# Columns: noise level s, excess, error.

set logscale x
set format x "10^{%T}"
set xlabel (xlabel eq "" ? "noise level s" : xlabel)
set ylabel (ylabel eq "" ? "excess loss over the Wiener filter" : ylabel)
set key top left reverse Left samplen 2.2 spacing 1.15
set xzeroaxis linecolor rgb dark dashtype 3
stats data using 1 nooutput
set xrange [STATS_min / 1.25:STATS_max * 1.25] noextend
set offsets 0, 0, graph 0.22, graph 0.04
set mxtics 10

plot for [i = 1:blocks] data index i-1 using 1:2 with lines linetype i notitle, \
     for [i = 1:blocks] data index i-1 using 1:2:3 with yerrorbars linetype i title label[i]
