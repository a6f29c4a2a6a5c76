# Acceptance of the independence chain against a parameter (A Figs. 13-15): a curve a protocol, with errors. On a
# logarithmic axis, as what is right differs from what is published by powers of ten; the shaded band is what
# the paper states.
# Columns: x, acceptance, error.

set xlabel (xlabel eq "" ? "x" : xlabel)
set ylabel (ylabel eq "" ? "acceptance rate" : ylabel)
set key bottom left Left reverse samplen 2 spacing 1.15

stats data using 1 nooutput
left = STATS_min
right = STATS_max
wide = left > 0 && right / left > 20 # of epochs, say
lowest = 1.0
do for [i = 1:blocks] {
    stats data index i-1 using ($2 > 0 ? $2 : NaN) nooutput
    if (STATS_records > 0 && STATS_min < lowest) { lowest = STATS_min }
}
floor_at = 10 ** floor(log10(lowest / 3))
name(i) = i <= blocks ? label[i] : ""
low(y, dy) = y - dy > floor_at ? y - dy : floor_at

if (wide) { set logscale x }
set xrange [(wide ? left / 1.4 : left - 0.06 * (right - left)):(wide ? right * 1.4 : right + 0.06 * (right - left))] noextend
set logscale y
set format y "10^{%T}"
set yrange [floor_at:1.5] noextend
set object 1 rectangle from graph 0, first 0.4 to graph 1, first 0.6 fillcolor rgb pale fillstyle solid 0.6 noborder behind
set label 1 "published: 0.4–0.6" at graph 0.98, first 0.49 right front

plot for [i = 1:blocks] data index i-1 using 1:($2 > 0 ? $2 : NaN) with lines linetype i notitle, \
     for [i = 1:blocks] data index i-1 using 1:($2 > 0 ? $2 : NaN):(low($2, $3)):($2 + $3) with yerrorbars linetype i title name(i)
