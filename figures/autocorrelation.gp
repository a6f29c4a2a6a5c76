# Normalized autocorrelation function of |M| along Markov chains, to t = 100 steps of each algorithm. Lines with bands of one
# standard deviation: long runs. Dashed: what the first 1024 configurations of one chain say, as published.
# Columns: t, rho of the long run, its error, rho as published.

set xlabel (xlabel eq "" ? "t [steps of the algorithm]" : xlabel)
set ylabel (ylabel eq "" ? "autocorrelation of |M|" : ylabel) offset 0.8,0
set xrange [0:100] noextend
set yrange [-0.35:1.08] noextend
set ytics 0.2
set key outside top center horizontal reverse Left samplen 1.4 spacing 1.0 width -3 maxrows 4 font ",".(format eq "svg" ? "9.5" : format eq "png" ? "6.5" : "5.2")
set style fill transparent solid 0.18 noborder

# One colour more than style.gp has line types: dark grey.
array colour[7] = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", dark]
paint(i) = colour[(i - 1) % 7 + 1]
within(x) = x <= 100 ? x : NaN
plot 0 with lines linecolor rgb dark linewidth 0.6 notitle, \
     for [i = 1:blocks] data index i-1 using (within($1)):($2 - $3):($2 + $3) with filledcurves linecolor rgb paint(i) notitle, \
     for [i = 1:blocks] data index i-1 using (within($1)):4 with lines linecolor rgb paint(i) dashtype 2 linewidth 0.8 notitle, \
     for [i = 1:blocks] data index i-1 using (within($1)):2 with lines linecolor rgb paint(i) linewidth 1.4 title label[i]
