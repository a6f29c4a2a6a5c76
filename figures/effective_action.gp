# Effective action -log q against the action S of the same configurations, a panel a dataset, one range for both axes and
# all panels. The mean of each is taken off, since -log q and S differ by the unknown log Z; R^2 is that of A 4.9
# after that.
# Columns: S and -log q without their means.

set xlabel (xlabel eq "" ? "S - ⟨S⟩" : xlabel)
set ylabel (ylabel eq "" ? "S_{eff} - ⟨S_{eff}⟩" : ylabel)

stats data using 1 nooutput
low = STATS_min
high = STATS_max
stats data using 2 nooutput
low = STATS_min < low ? STATS_min : low
high = STATS_max > high ? STATS_max : high
margin = 0.06 * (high - low)
set xrange [low - margin:high + margin] noextend
set yrange [low - margin:high + margin] noextend
unset mxtics
unset mytics
step = 10**floor(log10((high - low) / 2.0))
step = step * ((high - low) / step > 6 ? 2 : 1)
set xtics step
set ytics step

array R2[blocks]
do for [i = 1:blocks] {
    left = 0.0
    all = 0.0
    add(S, E) = (left = left + (S - E)**2, all = all + S**2, 0)
    stats data index i-1 using (add($1, $2)) nooutput
    R2[i] = 1 - left / all
}

set size ratio -1
set multiplot layout 1, blocks margins 0.125, 0.985, 0.14, 0.92 spacing 0.03
do for [i = 1:blocks] {
    if (i == 2) {
        set format y ""
        unset ylabel
    }
    set label 1 label[i] at graph 0.04, 0.95 left
    set label 2 sprintf("R² = %s", R2[i] > 0.99 ? gprintf("%.4f", R2[i]) : gprintf("%.3f", R2[i])) at graph 0.04, 0.87 left
    plot x with lines linecolor rgb ink dashtype 2 notitle, \
         data index i-1 using 1:2 with points linetype i pointtype 7 pointsize 0.28 notitle
}
unset multiplot
