# Fields on a two-dimensional lattice as images (A Fig. 4, B Fig. 3): a row a configuration, a column a time, time
# above the columns and an arrow in its direction below. One colour scale for all, zero white: it ends at twice the
# standard deviation of the fields in the last column, rounded up, so that what comes out is seen in full; what lies
# beyond, a part of the prior noise, has the colour of the end.
# Columns: time, configuration, x1 (downwards), x2 (to the right), field.

rows = blocks / columns

stats data using 3:4 nooutput
height = STATS_max_x + 1
width = STATS_max_y + 1
gap = 0.09 * width

array tau[columns]
spread = 0.0
do for [i = 1:blocks] {
    stats data index i-1 using 1:5 nooutput
    tau[(i - 1) % columns + 1] = STATS_mean_x
    if (i % columns == 0) { spread = spread + (STATS_stddev_y**2 + STATS_mean_y**2) / rows }
}
limit = 2 * sqrt(spread)
unit = 10.0**floor(log10(limit))
limit = unit * (limit <= unit ? 1 : limit <= 2 * unit ? 2 : limit <= 4 * unit ? 4 : limit <= 6 * unit ? 6 : 10)
clip(y) = y > limit ? limit : y < -limit ? -limit : y

left(i) = ((i - 1) % columns) * (width + gap)
top(i) = ((i - 1) / columns) * (height + gap) # integers
right = columns * (width + gap) - gap
bottom = rows * (height + gap) - gap

# Blue and red of equal lightness on both sides of white (ColorBrewer RdBu, fit for any colour vision).
# the right edge is the colour box's
if (remark ne "") { set label 98 remark at screen 0.02, screen 0.07 left rotate by 90 font small textcolor rgb dark }
set palette defined (-4 "#053061", -3 "#2166ac", -2 "#4393c3", -1 "#92c5de", 0 "#f7f7f7", 1 "#f4a582", 2 "#d6604d", 3 "#b2182b", 4 "#67001f")
set cbrange [-limit:limit]
set colorbox user origin 0.868, 0.125 size 0.02, 0.79
set label 50 (ylabel eq "" ? "field φ" : ylabel) at screen 0.983, screen 0.52 center rotate by 90

unset border
unset tics
set cbtics limit / 2 scale 0.4 offset -0.7,0
unset mxtics
unset mytics
set xrange [-0.5:right - 0.5] noextend
set yrange [bottom - 0.5:-0.5] noextend
set size ratio -1
set lmargin at screen 0.045
set rmargin at screen 0.855
set tmargin at screen 0.915
set bmargin at screen 0.12

do for [c = 1:columns] {
    set label c sprintf("%s%g", c == 1 ? "τ = " : "", tau[c]) at left(c) + 0.5 * (width - 1), -0.5 center offset 0,0.7
}
do for [i = 1:blocks] {
    set object i rectangle from left(i) - 0.5, top(i) - 0.5 to left(i) + width - 0.5, top(i) + height - 0.5 front fillstyle empty border linecolor rgb dark linewidth 0.5
}
set arrow 1 from -0.5, bottom + 0.12 * height to right - 0.5, bottom + 0.12 * height head filled size graph 0.015,20 linecolor rgb ink linewidth 1
set label 51 (xlabel eq "" ? "denoising" : xlabel) at 0.5 * right, bottom + 0.13 * height center offset 0,-0.8
set label 52 sprintf("colours end at ±%g", limit) at screen 0.995, screen 0.965 right font ",".(format eq "svg" ? "8" : format eq "png" ? "5.5" : "4.5")

plot for [i = 1:blocks] data index i-1 using (left(i) + $4):(top(i) + $3):(clip($5)) with image notitle
