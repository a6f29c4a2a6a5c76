# Four observables against a number of configurations (A Figs. 11 and 12), one panel each, a curve a data set. Data sets
# given as lines are drawn as bands of one standard deviation.
# Columns: x, then M, error, chi2, error, U_L, error, |M|, error.

# as wide as a column, as high as wide
if (format eq "svg") { set terminal svg size 430,430 dynamic enhanced font "DejaVu Sans,10" linewidth 1.2 background "#ffffff" }
if (format eq "png") { set terminal pngcairo size 1016,1016 enhanced font "DejaVu Sans,6.8" fontscale 3.3 linewidth 3 pointscale 2.3 }
if (format eq "pdf") { set terminal pdfcairo size 8.6cm,8.6cm enhanced font "DejaVu Sans,5.6" fontscale 1 linewidth 1.1 pointscale 0.45 }
set output output

array panel[4] = ["⟨M⟩", "χ₂", "U_L", "⟨|M|⟩"]
array colour[2] = [ink, "#999999"]
name(i) = i <= blocks + lines ? label[i] : ""
shade(i) = i <= 2 ? colour[i] : ink
# data sets side by side where their points would hide each other
apart(i, x) = x * 1.035 ** (i - (blocks + 1) / 2.0)

# all that is looked up in the data, before there are ranges that would hide some of it
stats data index 0:blocks-1 using 1 nooutput
left = STATS_min / 1.25
right = STATS_max * 1.25
array value[4 * lines + 4] # gnuplot looks at the first turn of a loop that has none
array error[4 * lines + 4]
do for [i = 1:4 * lines + 4] { value[i] = NaN; error[i] = NaN }
do for [i = 1:lines] {
    do for [p = 1:4] {
        stats data index blocks+i-1 using (column(2 * p)):(column(2 * p + 1)) nooutput
        value[4 * (i - 1) + p] = STATS_mean_x
        error[4 * (i - 1) + p] = STATS_mean_y
    }
}

set ytics autofreq
set logscale x 2
set format x "%.0f"
if (right > 16 * left) { set xtics 1, 4 } # 4 is a factor; numbers at each power of two would touch
unset mxtics
unset xlabel
set xrange [left:right] noextend
set offsets 0, 0, graph 0.22, graph 0.06
set multiplot layout 2,2 margins 0.145,(remark eq "" ? 0.985 : 0.955),0.1,0.97-0.036*(blocks+lines) spacing 0.16,0.07
do for [p = 1:4] {
    set label 1 panel[p] at graph 0.06, graph 0.9
    if (p == 1) {
        set key at screen 0.5, screen 0.995 center top vertical Left reverse samplen 2.4
        set label 97 (xlabel eq "" ? "configurations" : xlabel) at screen 0.55, screen 0.022 center
    } else {
        unset key
        unset label 97
    }
    plot for [i = 1:lines] '+' using 1:(value[4 * (i - 1) + p] - error[4 * (i - 1) + p]):(value[4 * (i - 1) + p] + error[4 * (i - 1) + p]) with filledcurves fillcolor rgb shade(i) fillstyle transparent solid 0.25 noborder notitle, \
         for [i = 1:lines] '+' using 1:(value[4 * (i - 1) + p]) with lines linecolor rgb shade(i) dashtype i title name(blocks + i), \
         for [i = 1:blocks] data index i-1 using (apart(i, $1)):(column(2 * p)):(column(2 * p + 1)) with yerrorbars linetype i title name(i)
}
unset multiplot
