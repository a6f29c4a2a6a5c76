# Training loss per configuration against the epoch. Trainings that draw their noise levels from different
# distributions average over different levels: such curves are no comparison, and labels should say so.
# Columns: epoch, loss.

set logscale y
set xlabel (xlabel eq "" ? "epoch" : xlabel)
set ylabel (ylabel eq "" ? "loss per configuration (log)" : ylabel)
eval legend(blocks)
set xrange [0:*]
stats data using 2 nooutput
set yrange [STATS_min / 1.1:STATS_max * 1.2] noextend
unset mytics
set ytics () # enough of every decade that the scale shows: a loss seldom spans more than one
do for [k = -4:7] {
    do for [m in "1 2 3 5 7"] {
        set ytics add (sprintf("%g", m * 10.0**k) m * 10.0**k)
    }
}

# Earlier curves are wider, so that one beneath another shows.
plot for [i = 1:blocks] data index i-1 using 1:2 with lines linetype i dashtype dash(i) linewidth 0.8 + 0.5 * (blocks - i) title label[i]
