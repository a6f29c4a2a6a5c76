# Acceptance of the independence chain against a parameter (A Figs. 13-15): a curve a protocol, with errors, points at one x
# side by side. On a logarithmic axis, since the exact chain differs from what is published by powers of ten; the shaded
# band is what the paper states. What lies below 10^{-4}, less than a thousand configurations can tell from zero, stands as
# an open triangle on the axis, with its error where that reaches above.
# Columns: x, acceptance, error.

set xlabel (xlabel eq "" ? "x" : xlabel)
set ylabel (ylabel eq "" ? "acceptance rate" : ylabel)
eval legend(blocks + 1)

stats data using 1 nooutput
left = STATS_min
right = STATS_max
wide = left > 0 && right / left > 10 # of epochs, say
margin = right > left ? 0.07 * (right - left) : right != 0 ? 0.1 * abs(right) : 1 # of one point
floor_at = 1e-4
name(i) = i <= blocks ? label[i] : ""
low(y, dy) = y - dy > floor_at ? y - dy : floor_at
high(y, dy) = y + dy < floor_at ? floor_at : y + dy < 1 ? y + dy : 1
# side by side: 1.6% of the axis from one curve to the next
turn(i) = 0.016 * (i - (blocks + 1) / 2.0)
apart(i, x) = wide ? x * (1.96 * right / left) ** turn(i) : x + turn(i) * (right - left + 2 * margin)
seen(y) = y > floor_at ? y : floor_at

if (wide) { set logscale x }
set xrange [(wide ? left / 1.4 : left - margin):(wide ? right * 1.4 : right + margin)] noextend
set logscale y
set format y "10^{%T}"
set yrange [floor_at / 1.6:1.5] noextend
set object 1 rectangle from graph 0, first 0.4 to graph 1, first 0.6 fillcolor rgb pale fillstyle solid 0.6 noborder behind
set label 1 "published: 0.4–0.6" at graph 0.98, first 0.49 right front

plot for [i = 1:blocks] data index i-1 using (apart(i, $1)):(seen($2)) with lines linetype i linewidth 0.5 dashtype dash(i) notitle, \
     for [i = 1:blocks] data index i-1 using (apart(i, $1)):(seen($2)):(low($2, $3)):(high($2, $3)) with yerrorbars linetype i pointtype 0 notitle, \
     for [i = 1:blocks] data index i-1 using (apart(i, $1)):($2 > floor_at ? NaN : floor_at) with points linetype i pointtype 10 pointsize 1 notitle, \
     for [i = 1:blocks] data index i-1 using (apart(i, $1)):($2 > floor_at ? $2 : NaN) with points linetype i notitle, \
     for [i = 1:blocks] NaN with linespoints linetype i dashtype dash(i) title name(i), \
     NaN with points pointtype 10 pointsize 1 linecolor rgb ink title "below 10^{−4}"
