# Four observables against a number of configurations (A Figs. 11 and 12), one panel each, a curve a data set. Data sets
# given as lines are drawn as bands of one standard deviation.
# Columns: x, then M, error, chi2, error, U_L, error, |M|, error.

# a larger page than that of style.gp
if (format eq "svg") { set terminal svg size 640,470 dynamic enhanced font "DejaVu Sans,11" linewidth 1.3 background "#ffffff" }
if (format eq "png") { set terminal pngcairo size 1512,1110 enhanced font "DejaVu Sans,7.5" fontscale 3.3 linewidth 3.2 pointscale 2.6 }
if (format eq "pdf") { set terminal pdfcairo size 12.8cm,9.4cm enhanced font "DejaVu Sans,6" fontscale 1 linewidth 1.2 pointscale 0.5 }
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

set logscale x 2
set format x "%.0f"
if (right > 40 * left) { set xtics 1, 4 } # 4 is a factor; numbers at each power of two would touch
unset mxtics
set xrange [left:right] noextend
set offsets 0, 0, graph 0.22, graph 0.06
set multiplot layout 2,2 margins 0.105,(remark eq "" ? 0.985 : 0.965),0.115,0.97-0.042*(blocks+lines) spacing 0.13,0.09
do for [p = 1:4] {
    set label 1 panel[p] at graph 0.04, graph 0.91
    set xlabel (p > 2 ? (xlabel eq "" ? "configurations" : xlabel) : "")
    if (p == 1) {
        set key at screen 0.5, screen 0.995 center top vertical Left reverse samplen 1.8
    } else { unset key }
    plot for [i = 1:lines] '+' using 1:(value[4 * (i - 1) + p] - error[4 * (i - 1) + p]):(value[4 * (i - 1) + p] + error[4 * (i - 1) + p]) with filledcurves fillcolor rgb shade(i) fillstyle transparent solid 0.25 noborder notitle, \
         for [i = 1:lines] '+' using 1:(value[4 * (i - 1) + p]) with lines linecolor rgb shade(i) dashtype i title name(blocks + i), \
         for [i = 1:blocks] data index i-1 using (apart(i, $1)):(column(2 * p)):(column(2 * p + 1)) with yerrorbars linetype i title name(i)
}
unset multiplot
