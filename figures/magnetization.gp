# Histograms of the magnetization per configuration (A Figs. 5 and 6): the first dataset, which the others
# are compared with, as bars, the others as points with Poisson errors, shifted a little so that their bars
# do not hide each other; the Gaussian that an equilibrium run expects as a curve.
# Columns: centre of the bin, count, error.

set xlabel (xlabel eq "" ? "magnetization M" : xlabel)
set ylabel (ylabel eq "" ? "configurations per bin" : ylabel)
set key top left reverse Left samplen 2.4 spacing 1.15
set style fill solid 1.0 border rgb dark
set boxwidth bin_width

# M and -M are equally likely: an axis with zero in its middle; room for the key above.
stats data using 1:2 nooutput
reach = (abs(STATS_min_x) > abs(STATS_max_x) ? abs(STATS_min_x) : abs(STATS_max_x)) + bin_width
set xrange [-reach:reach] noextend
set yrange [0:1.6 * STATS_max_y]

shift(i) = blocks < 3 ? 0 : bin_width * 0.24 * (i - 1 - blocks / 2.0)
some(count) = count > 0 ? count : NaN
scale = entries[1] * bin_width / (gaussian > 0 ? gaussian * sqrt(2 * pi) : 1)
bell(x) = gaussian > 0 ? scale * exp(-x * x / (2 * gaussian * gaussian)) : NaN

if (gaussian > 0) {
    plot data index 0 using 1:2 with boxes linecolor rgb pale title label[1], \
         data index 0 using 1:($2 - $3):(0):(2 * $3) with vectors nohead linecolor rgb dark notitle, \
         for [i = 2:blocks] data index i-1 using ($1 + shift(i)):(some($2)):3 with yerrorbars linetype i-1 title label[i], \
         bell(x) with lines linecolor rgb ink dashtype 2 title "Gaussian, σ² = χ₂/V"
} else {
    plot data index 0 using 1:2 with boxes linecolor rgb pale title label[1], \
         data index 0 using 1:($2 - $3):(0):(2 * $3) with vectors nohead linecolor rgb dark notitle, \
         for [i = 2:blocks] data index i-1 using ($1 + shift(i)):(some($2)):3 with yerrorbars linetype i-1 title label[i]
}
