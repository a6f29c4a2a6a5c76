# What all figures share: terminals, fonts, sizes, line styles. The plot stage loads it before a figure's own
# style, having set:
#   format    "svg", "png" or "pdf"
#   output    the file to draw into, already set
#   data      name of the data: blocks of columns, one block a dataset (index 0, 1, ...)
#   blocks    number of datasets
#   lines     number of blocks behind those, of one row each, to be drawn as lines across
#   label     array of their labels, 1 ... blocks; "" for none
#   datasets  number of data; blocks is a multiple of it where there are several sets of members
#   entries   array of how many numbers each holds
#   title, xlabel, ylabel   texts, "" where the style is to choose
#   remark                  a text for the right edge, or ""
#   unthermalised           1 where data rest on an ensemble that failed its thermalisation tests (label: †)
#   columns                 of kind = fields: images side by side, blocks row by row; else 0
#   bin_width               of a histogram, else 0
#   gaussian                standard deviation of a Gaussian to compare with, 0 for none
# The figure is as wide as a column of a journal, 8.6 cm, and its letters about 7 points high.

set encoding utf8

# DejaVu Sans comes with fonts-dejavu-core, which `make setup` installs, so that a figure does not depend on
# the fonts somebody happens to have; without it fontconfig takes its nearest.
if (format eq "svg") {
    set terminal svg size 430,310 dynamic enhanced font "DejaVu Sans,11" linewidth 1.3 background "#ffffff"
}
if (format eq "png") { # 300 pixels an inch
    set terminal pngcairo size 1016,732 enhanced font "DejaVu Sans,7.5" fontscale 3.3 linewidth 3.2 pointscale 2.6
}
if (format eq "pdf") {
    set terminal pdfcairo size 8.6cm,6.2cm enhanced font "DejaVu Sans,6" fontscale 1 linewidth 1.2 pointscale 0.5
}

# For a figure of several panels: `eval page(height)` makes it as wide as a page, 17.2 cm, and `height` cm high.
page(height) = format eq "svg" ? sprintf("set terminal svg size 860,%d dynamic enhanced font 'DejaVu Sans,11' linewidth 1.3 background '#ffffff'", 50 * height) : \
               format eq "png" ? sprintf("set terminal pngcairo size 2032,%d enhanced font 'DejaVu Sans,7.5' fontscale 3.3 linewidth 3.2 pointscale 2.6", 118 * height) : \
               sprintf("set terminal pdfcairo size 17.2cm,%gcm enhanced font 'DejaVu Sans,6' fontscale 1 linewidth 1.2 pointscale 0.5", height)

# Colours of Okabe and Ito, which are told apart with any colour vision, in an order of falling contrast;
# points differ in shape too, so that a print in grey can be read.
set linetype 1 linecolor rgb "#0072b2" linewidth 1.2 pointtype 7 pointsize 0.8 # blue, disc
set linetype 2 linecolor rgb "#d55e00" linewidth 1.2 pointtype 5 pointsize 0.7 # vermilion, square
set linetype 3 linecolor rgb "#009e73" linewidth 1.2 pointtype 9 pointsize 0.9 # green, triangle
set linetype 4 linecolor rgb "#cc79a7" linewidth 1.2 pointtype 13 pointsize 0.9 # purple, diamond
set linetype 5 linecolor rgb "#e69f00" linewidth 1.2 pointtype 11 pointsize 0.9 # orange, triangle downwards
set linetype 6 linecolor rgb "#56b4e9" linewidth 1.2 pointtype 6 pointsize 0.8 # sky blue, circle
set linetype cycle 6
# Curves differ in dashes too, `dashtype dash(i)`; bars of errors stay solid, so dashes are no part of the line types.
set dashtype 11 (14, 5)
set dashtype 12 (2.5, 3.5)
set dashtype 13 (14, 4, 2.5, 4)
set dashtype 14 (7, 4)
set dashtype 15 (14, 4, 2.5, 4, 2.5, 4)
dash(i) = (i - 1) % 6 == 0 ? 1 : 10 + (i - 1) % 6
# Legends stand above the plot, so that the plot is not half empty: `eval legend(entries)` makes room for them, in two columns
# where the labels are short. `longest` is that of the labels, which a style raises for further entries.
longest = 0
do for [i = 1:blocks + lines] { longest = strlen(label[i]) > longest ? strlen(label[i]) : longest }
legend_font = ",".(format eq "svg" ? "9.5" : format eq "png" ? "6.5" : "5.2")
rows_of(entries) = longest <= 25 ? (entries + 1) / 2 : entries
legend(entries) = sprintf("set key at screen 0.5, screen 0.99 center top vertical maxrows %d reverse Left samplen 2.2 spacing 1.1 font '%s'; set tmargin at screen %g", \
                          rows_of(entries), legend_font, 0.955 - 0.048 * rows_of(entries))
pale = "#d0d0d0"   # filled bars behind everything
dark = "#606060"   # their outlines
ink = "#000000"    # reference curves

# Colours of time tau from 0 to 1, for a colour bar. Lightness rises all the way, so that the order shows in grey and
# with any colour vision; it ends short of a yellow that white would swallow.
set palette defined (0 "#1b0c5a", 0.25 "#7a1c81", 0.5 "#c73d6e", 0.75 "#f07f4f", 1 "#f5b942")
set cbrange [0:1]

set border linewidth 0.8
set tics scale 0.6
set mxtics 2
set mytics 2
set format "%h" # no blank where a minus could stand: labels stand in the middle
set minussign
set samples 400
set bars small
set pointintervalbox 0.01 # no white rings around points with errors
unset key
small = ",".(format eq "svg" ? "7.5" : format eq "png" ? "5" : "4")
if (unthermalised) { set label 99 "† not in equilibrium" at screen 0.995, screen 0.018 right font small }
if (remark ne "") { set label 98 remark at screen 0.984, screen 0.07 left rotate by 90 font small textcolor rgb dark }
if (title ne "") { set title title }
