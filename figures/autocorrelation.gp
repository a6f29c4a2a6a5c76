# Normalized autocorrelation function of |M| along Markov chains, to t = 100 steps of each algorithm. Lines with bands of one
# standard deviation and symbols: long runs. Dotted, with open symbols of the same shape: what the first 1024 configurations of
# one chain say, as published.
# Columns: t, rho of the long run, its error, rho as published.

set xlabel (xlabel eq "" ? "t [steps of the algorithm]" : xlabel)
set ylabel (ylabel eq "" ? "autocorrelation of |M|" : ylabel) offset 0.8,0
set xrange [0:100] noextend
set yrange [-0.35:1.08] noextend
set ytics 0.2
eval legend(blocks + 1)
set style fill transparent solid 0.18 noborder

# One colour more than style.gp has line types: dark grey.
array colour[7] = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", dark]
paint(i) = colour[(i - 1) % 7 + 1]
array filled[7] = [7, 5, 9, 13, 11, 15, 7]
array open[7] = [6, 4, 8, 12, 10, 14, 6]
shape(i) = filled[(i - 1) % 7 + 1]
hollow(i) = open[(i - 1) % 7 + 1]
within(x) = x <= 100 ? x : NaN
array step[blocks] # a symbol now and then
do for [i = 1:blocks] {
    stats data index i-1 using ($1 <= 100 ? 0 : NaN) nooutput
    step[i] = STATS_records / 7 + 1
}
plot 0 with lines linecolor rgb dark linewidth 0.6 notitle, \
     for [i = 1:blocks] data index i-1 using (within($1)):($2 - $3):($2 + $3) with filledcurves linecolor rgb paint(i) notitle, \
     for [i = 1:blocks] data index i-1 using (within($1)):4 with lines linecolor rgb paint(i) dashtype 12 linewidth 0.8 notitle, \
     for [i = 1:blocks] data index i-1 every step[i]::(step[i] / 2) using (within($1)):4 with points pointtype hollow(i) pointsize 0.6 linecolor rgb paint(i) linewidth 0.8 notitle, \
     for [i = 1:blocks] data index i-1 using (within($1)):2 with lines linecolor rgb paint(i) linewidth 1.4 notitle, \
     for [i = 1:blocks] data index i-1 every step[i]::(step[i] * i / (blocks + 1)) using (within($1)):2 with points pointtype shape(i) pointsize 0.6 linecolor rgb paint(i) notitle, \
     for [i = 1:blocks] NaN with linespoints pointtype shape(i) pointsize 0.6 linecolor rgb paint(i) linewidth 1.4 title label[i], \
     NaN with linespoints pointtype 6 pointsize 0.6 dashtype 12 linewidth 0.8 linecolor rgb ink title "as published"
