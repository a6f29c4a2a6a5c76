# The running effective potential of a field theory, a column each of the data: U_s(M) in the colours of the noise level s, the
# action of a constant field black and dashed.
# Columns of the data: s, M, potential, gaussian, action.

eval page(6.5)

levels = ""
last = -1.0
collect(s) = s != last ? (levels = levels.sprintf(" %.10g", s), last = s, s) : s
stats data index 0 using (collect($1)) nooutput
at(k, s, x) = abs(s - word(levels, k)) < 1e-9 ? x : NaN
count = words(levels)

left = 0.085
right = 0.885
gap = 0.075
width = (right - left - gap * (datasets - 1)) / datasets

set multiplot
do for [d = 1:datasets] {
    set lmargin at screen left + (d - 1) * (width + gap)
    set rmargin at screen left + (d - 1) * (width + gap) + width
    set bmargin at screen 0.17
    set tmargin at screen 0.88
    set title label[d] offset 0,-0.5
    set xlabel "M"
    set ylabel (d == 1 ? "U_s(M)" : "") offset 0.2,0
    set xrange [*:*] # what lies beyond the axes `stats` leaves out
    set yrange [*:*]
    stats data index d-1 using 3 nooutput
    top = STATS_max > 1 ? 1 : STATS_max
    stats data index d-1 using 5 nooutput
    bottom = STATS_min
    stats data index d-1 using 2 nooutput
    set xrange [STATS_min:STATS_max] noextend
    set xtics STATS_max / 2
    set yrange [bottom - 0.05 * (top - bottom):top + 0.25 * (top - bottom)] noextend
    set logscale cb
    set cbrange [word(levels, 1):word(levels, count)]
    if (d == datasets) {
        set colorbox user origin screen 0.91,0.17 size screen 0.017,0.71
        set cblabel "s" offset -0.6,0 rotate by 0
    } else {
        unset colorbox
    }
    set key top center reverse Left samplen 3 # in the first panel; an empty title takes no room
    plot for [k = 1:count] data index d-1 using (at(k, $1, $2)):3:1 with lines linewidth 1.3 linecolor palette notitle, \
         data index d-1 using (at(1, $1, $2)):5 with lines linewidth 1.4 dashtype 2 linecolor rgb ink title (d == 1 ? "action" : "")
}
unset multiplot
