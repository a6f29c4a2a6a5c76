# Normalized autocorrelation function of |M| along Markov chains, to t = 100 steps of each algorithm. Lines with bands of one
# standard deviation: long runs. Dashed: what 1024 configurations of one chain say, as published.
# Columns: t, rho of the long run, its error, rho as published.

set xlabel (xlabel eq "" ? "t [proposals, trajectories or sweeps]" : xlabel)
set ylabel (ylabel eq "" ? "autocorrelation of |M|" : ylabel)
set xrange [0:100] noextend
set yrange [-0.42:1.05] noextend
set ytics 0.2
set key outside top center horizontal reverse Left samplen 1.6 spacing 1.1 width -2 maxrows 3
set style fill transparent solid 0.18 noborder

within(x) = x <= 100 ? x : NaN
plot 0 with lines linecolor rgb dark linewidth 0.6 notitle, \
     for [i = 1:blocks] data index i-1 using (within($1)):($2 - $3):($2 + $3) with filledcurves linetype i notitle, \
     for [i = 1:blocks] data index i-1 using (within($1)):4 with lines linetype i dashtype 2 linewidth 0.8 notitle, \
     for [i = 1:blocks] data index i-1 using (within($1)):2 with lines linetype i linewidth 1.4 title label[i]
