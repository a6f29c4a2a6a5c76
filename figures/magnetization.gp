# Histograms of the magnetization per configuration (A Figs. 5 and 6) as densities, so that ensembles of different
# size can be compared: the first dataset, which the others are compared with, as bars, the others as points with
# Poisson errors, shifted a little so that their bars do not hide each other; the Gaussian that an equilibrium run
# expects as a curve.
# Columns: centre of the bin, count, error.

set xlabel (xlabel eq "" ? "magnetization M" : xlabel)
set ylabel (ylabel eq "" ? "probability density p(M)" : ylabel)
eval legend(blocks + (gaussian > 0))
set style fill solid 1.0 border rgb dark
set boxwidth bin_width

# gnuplot looks at the first turn of a loop that has none: for one dataset, at label[2].
name(i) = i <= blocks ? label[i] : ""
density(i, count) = i > blocks ? NaN : count / (entries[i] * bin_width)
shift(i) = blocks < 3 ? 0 : bin_width * 0.24 * (i - 1 - blocks / 2.0)
some(i, count) = count > 0 ? density(i, count) : NaN
bell(x) = gaussian > 0 ? exp(-x * x / (2 * gaussian * gaussian)) / (gaussian * sqrt(2 * pi)) : NaN

# M and -M are equally likely: an axis with zero in its middle.
stats data using 1 nooutput
reach = (abs(STATS_min) > abs(STATS_max) ? abs(STATS_min) : abs(STATS_max)) + bin_width
set xrange [-reach:reach] noextend
highest = gaussian > 0 ? bell(0) : 0
do for [i = 1:blocks] {
    stats data index i-1 using (density(i, $2 + $3)) nooutput
    highest = STATS_max > highest ? STATS_max : highest
}
set yrange [0:1.05 * highest] noextend

if (gaussian > 0) {
    plot data index 0 using 1:(density(1, $2)) with boxes linecolor rgb pale title label[1], \
         data index 0 using 1:(density(1, $2 - $3)):(0):(density(1, 2 * $3)) with vectors nohead linecolor rgb dark notitle, \
         bell(x) with lines linecolor rgb ink dashtype 2 title "equilibrium: N(0, χ₂/V)", \
         for [i = 2:blocks] data index i-1 using ($1 + shift(i)):(some(i, $2)):(density(i, $3)) with yerrorbars linetype i-1 title name(i)
} else {
    plot data index 0 using 1:(density(1, $2)) with boxes linecolor rgb pale title label[1], \
         data index 0 using 1:(density(1, $2 - $3)):(0):(density(1, 2 * $3)) with vectors nohead linecolor rgb dark notitle, \
         for [i = 2:blocks] data index i-1 using ($1 + shift(i)):(some(i, $2)):(density(i, $3)) with yerrorbars linetype i-1 title name(i)
}
