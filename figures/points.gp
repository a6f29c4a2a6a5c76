# Numbers with errors against a parameter, a curve a data set, points at one x side by side: for sweeps of any kind. Data sets
# given as lines are drawn across, with a band of one standard deviation. The axis is logarithmic if x extends over more than
# a factor of ten.
# Columns: x, value, error.

set xlabel (xlabel eq "" ? "x" : xlabel)
set ylabel (ylabel eq "" ? "value" : ylabel)
eval legend(blocks + lines)

stats data index 0:blocks-1 using 1 nooutput
left = STATS_min
right = STATS_max
wide = left > 0 && right / left > 10 # of epochs, say
margin = right > left ? 0.07 * (right - left) : right != 0 ? 0.1 * abs(right) : 1
if (wide) { set logscale x }
set xrange [(wide ? left / 1.4 : left - margin):(wide ? right * 1.4 : right + margin)] noextend
turn(i) = 0.014 * (i - (blocks + 1) / 2.0)
apart(i, x) = wide ? x * (1.96 * right / left) ** turn(i) : x + turn(i) * (right - left + 2 * margin)
array value[lines + 1] # gnuplot looks at the first turn of a loop that has none
array error[lines + 1]
do for [i = 1:lines + 1] { value[i] = NaN; error[i] = NaN }
do for [i = 1:lines] {
    stats data index blocks+i-1 using 2:3 nooutput
    value[i] = STATS_mean_x
    error[i] = STATS_mean_y
}
set offsets 0, 0, graph 0.06, graph 0.06
name(i) = i <= blocks + lines ? label[i] : ""

plot for [i = 1:lines] '+' using 1:(value[i] - error[i]):(value[i] + error[i]) with filledcurves fillcolor rgb ink fillstyle transparent solid 0.2 noborder notitle, \
     for [i = 1:lines] '+' using 1:(value[i]) with lines linecolor rgb ink dashtype dash(i) title name(blocks + i), \
     for [i = 1:blocks] data index i-1 using (apart(i, $1)):2 with lines linetype i linewidth 0.5 dashtype dash(i) notitle, \
     for [i = 1:blocks] data index i-1 using (apart(i, $1)):2:3 with yerrorbars linetype i notitle, \
     for [i = 1:blocks] NaN with linespoints linetype i linewidth 0.5 dashtype dash(i) title name(i)
