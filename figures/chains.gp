# Normalized autocorrelation function of |M| along Markov chains of very different pace, over the steps of each algorithm on a
# logarithmic axis; t = 0, where it is 1, lies to the left. Bands: one standard deviation.
# Two curves an algorithm, of one colour and symbol; the second is dashed.
# Columns: t, rho, its error.

set xlabel (xlabel eq "" ? "t [steps of the algorithm]" : xlabel)
set ylabel (ylabel eq "" ? "autocorrelation of |M|" : ylabel) offset 0.8,0
set logscale x
set xrange [1:1000] noextend
set yrange [-0.25:1.08] noextend
set ytics 0.2
eval legend(blocks)
set style fill transparent solid 0.18 noborder

array colour[4] = ["#0072b2", "#d55e00", "#009e73", "#cc79a7"]
array filled[4] = [7, 5, 9, 13]
paint(i) = colour[((i - 1) / 2) % 4 + 1]
shape(i) = filled[((i - 1) / 2) % 4 + 1]
stroke(i) = i % 2 == 1 ? 1 : 2
within(x) = x >= 1 && x <= 1000 ? x : NaN
plot 0 with lines linecolor rgb dark linewidth 0.6 notitle, \
     for [i = 1:blocks] data index i-1 using (within($1)):($2 - $3):($2 + $3) with filledcurves linecolor rgb paint(i) notitle, \
     for [i = 1:blocks] data index i-1 using (within($1)):2 with lines linecolor rgb paint(i) dashtype stroke(i) linewidth 1.4 notitle, \
     for [i = 1:blocks] data index i-1 every 6 using (within($1)):2 with points pointtype shape(i) pointsize 0.6 linecolor rgb paint(i) notitle, \
     for [i = 1:blocks] NaN with linespoints pointtype shape(i) pointsize 0.6 dashtype stroke(i) linecolor rgb paint(i) linewidth 1.4 title label[i]
