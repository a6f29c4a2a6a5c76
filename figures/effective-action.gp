# The flow of the effective action of the toy theory (B Fig. 2), a column each of the data: learned S_DM in the colours of
# tau, the action black and dashed; below, histograms of exact draws and of generated samples.
# Columns as for figures/drift.gp.

eval page(10.5)

taus = ""
last = -1.0
collect(tau) = tau != last ? (taus = taus.sprintf(" %.10g", tau), last = tau, tau) : tau
stats data index 0 using (collect($1)) nooutput
at(k, tau, x) = abs(tau - word(taus, k)) < 1e-9 ? x : NaN
count = words(taus)

left = 0.085
right = 0.905
gap = 0.06
width = (right - left - gap * (datasets - 1)) / datasets
set xrange [-5:5] noextend

set multiplot
do for [d = 1:datasets] {
    set lmargin at screen left + (d - 1) * (width + gap)
    set rmargin at screen left + (d - 1) * (width + gap) + width
    lower = datasets + d - 1

    set bmargin at screen 0.53
    set tmargin at screen 0.93
    set title label[d] offset 0,-0.5
    set format x ""
    unset xlabel
    set ylabel (d == 1 ? "effective action S_{DM} + ΔS_0" : "") offset 0.2,0
    set yrange [*:*] # what lies beyond the axes `stats` leaves out
    stats data index d-1 using 8 nooutput
    set yrange [STATS_min - 0.5:STATS_min + 10.5] noextend
    if (d == datasets) {
        set colorbox user origin screen 0.925,0.53 size screen 0.017,0.4
        set cblabel "τ" offset -0.6,0 rotate by 0
    } else {
        unset colorbox
    }
    set key top center reverse Left samplen 3
    plot for [k = 1:count] data index d-1 using (at(k, $1, $2)):5:1 with lines linewidth 1.3 linecolor palette notitle, \
         data index d-1 using (at(1, $1, $2)):8 with lines linewidth 1.4 dashtype 2 linecolor rgb ink title "S(ϕ)"
    unset colorbox

    set bmargin at screen 0.1
    set tmargin at screen 0.49
    unset title
    set format x "%h"
    set xlabel "ϕ"
    set ylabel (d == 1 ? "probability density" : "") offset 0.2,0
    set style fill solid 1.0 border rgb dark
    set yrange [*:*]
    stats data index lower using ($2 + $3) nooutput
    highest = STATS_max
    stats data index lower using ($4 + $5) nooutput
    set yrange [0:1.3 * (STATS_max > highest ? STATS_max : highest)] noextend
    set key top left reverse Left samplen 2 spacing 1.1
    plot data index lower using 1:2 with boxes linecolor rgb pale title "exact draws", \
         data index lower using 1:4:5 with yerrorbars linetype 2 pointsize 0.5 title "generated", \
         data index lower using 1:6 smooth mcsplines with lines linewidth 1.2 dashtype 2 linecolor rgb ink title "e^{−S}/Z"
}
unset multiplot
