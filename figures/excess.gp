# Excess loss of score models over the Wiener filter, the best linear denoiser, against the noise level. Its
# integral over ln s is, in nats, how far a model is from the data, less what the field has beyond its
# two-point function (why a good model may lie below zero); the legend gives it over the levels that all curves
# cover.
# Columns: noise level s, excess, error; more are not drawn.

set xlabel (xlabel eq "" ? "noise level s" : xlabel)
set ylabel (ylabel eq "" ? "excess loss over the Wiener filter\n[nats per unit of ln s]" : ylabel) offset -0.6,0

# Trapezoids between the levels, which ascend, as far as they lie in the common range. Before the axes are set, since
# `stats` leaves out what lies beyond them.
low = 0
high = 1e300
do for [i = 1:blocks] {
    stats data index i-1 using 1 nooutput
    low = STATS_min > low ? STATS_min : low
    high = STATS_max < high ? STATS_max : high
}
within(x) = x < low ? low : x > high ? high : x
line(x, a, p, b, q) = p + (q - p) * log(x / a) / log(b / a)
area(x, y) = 0.5 * (line(within(last_x), last_x, last_y, x, y) + line(within(x), last_x, last_y, x, y)) * log(within(x) / within(last_x))
array integral[blocks]
do for [i = 1:blocks] {
    sum = 0.0
    last_x = NaN
    add(x, y) = (sum = last_x < x ? sum + area(x, y) : sum, last_x = x, last_y = y, sum)
    stats data index i-1 using (add($1, $2)) nooutput
    integral[i] = sum
}

# Models lie a factor of a hundred apart and on both sides of zero: the axis is linear near zero and
# logarithmic far away from it, as asinh.
bend = 0.3
up(y) = asinh(y / bend)
down(u) = bend * sinh(u)
stats data using 1:2 nooutput
set logscale x
set xrange [STATS_min_x / 1.25:STATS_max_x * 1.25] noextend
set format x "10^{%T}"
set mxtics 10

stats data using (up($2 + $3)) nooutput
top = STATS_max > up(1) ? STATS_max : up(1)
stats data using (up($2 - $3)) nooutput
bottom = STATS_min < 0 ? STATS_min : 0
set nonlinear y via up(y) inverse down(y)
set yrange [down(bottom - 0.06 * (top - bottom)):down(top + 0.06 * (top - bottom))] noextend
set bmargin at screen 0.205
set label 90 sprintf("vertical axis: linear within ±%.1f, logarithmic beyond", bend) at screen 0.01, screen 0.018 left font small

unset mytics
set ytics (0)
far = top - bottom > 7 # little room for labels near zero
do for [k = 0:6] {
    do for [digit = 1:9] {
        y = digit * 10.0**(k - 1)
        if (y > (far ? 0.9 : 0.2) && (digit == 1 || digit == 3)) {
            set ytics add (y, -y)
        } else {
            set ytics add ("" y 1, "" -y 1)
        }
    }
}

common = low < high
if (label[1] ne "" && common) {
    longest = longest + 12 > 26 ? longest + 12 : 26 # one column
    eval legend(blocks + 1)
    set key title sprintf("integral from s = %.2g to %.2g", low, high) left maxrows blocks
} else {
    eval legend(blocks)
}
name(i) = label[i] eq "" || !common ? label[i] : sprintf("%s: %s nats", label[i], gprintf("%.3g", integral[i]))

plot for [i = 1:blocks] data index i-1 using 1:2 with lines linetype i dashtype dash(i) notitle, \
     for [i = 1:blocks] data index i-1 using 1:2:3 with yerrorbars linetype i notitle, \
     for [i = 1:blocks] NaN with linespoints linetype i dashtype dash(i) title name(i), \
     0 with lines linecolor rgb dark dashtype 3 notitle
