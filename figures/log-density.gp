# Effective action -log q against the action S of the same configurations, a panel a dataset, one range for both axes and
# all panels. The mean of each is taken off, since -log q and S differ by the unknown log Z; R^2 is that of A 4.9
# after that.
# Columns: S and -log q without their means.

set xlabel (xlabel eq "" ? "S − ⟨S⟩" : xlabel)
set ylabel (ylabel eq "" ? "S_{eff} − ⟨S_{eff}⟩" : ylabel) offset 0.6,0

stats data using 1 nooutput
low = STATS_min
high = STATS_max
stats data using 2 nooutput
low = STATS_min < low ? STATS_min : low
high = STATS_max > high ? STATS_max : high
margin = 0.1 * (high - low)
set xrange [low - margin:high + margin] noextend
set yrange [low - margin:high + margin] noextend
unset mxtics
unset mytics
step = 10**floor(log10((high - low) / 2.0))
step = step * ((high - low) / step > 2.5 * 3 / blocks + 1 ? 2 : 1)
set xtics blocks > 2 && (high - low) / step > 6 ? 2.5 * step : step # narrow panels have room for few labels
set ytics step

array R2[blocks]
do for [i = 1:blocks] {
    rest = 0.0
    all = 0.0
    add(S, E) = (rest = rest + (S - E)**2, all = all + S**2, 0)
    stats data index i-1 using (add($1, $2)) nooutput
    R2[i] = 1 - rest / all
}

# Two panels are square (a figure is 8.6 cm wide and 6.2 cm high), more are higher than wide.
left = 0.155
width = (0.97 - left - 0.035 * (blocks - 1)) / blocks
height = blocks < 3 ? width * 8.6 / 6.2 : 0.64
bottom = 0.5 * (1.02 - height)
set tmargin 0
set multiplot
do for [i = 1:blocks] {
    at = left + (i - 1) * (width + 0.035)
    set lmargin at screen at
    set rmargin at screen at + width
    set bmargin at screen bottom
    set tmargin at screen bottom + height
    if (i == 2) {
        set format y ""
        unset ylabel
    }
    set label 1 label[i] at graph 0.5, screen bottom + height + 0.045 center
    set label 2 sprintf("R² = %s", R2[i] > 0.99 ? gprintf("%.4f", R2[i]) : gprintf("%.3f", R2[i])) at graph 0.95, 0.06 right
    plot x with lines linecolor rgb ink dashtype 2 linewidth 0.8 notitle, \
         data index i-1 using 1:2 with points linetype i pointtype 7 pointsize 0.3 notitle
}
unset multiplot
