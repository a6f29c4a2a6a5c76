# Training loss per configuration against the epoch. Trainings that draw their noise levels from different
# distributions average over different levels: such curves are no comparison, and labels should say so.
# Columns: epoch, loss.

set logscale y
set xlabel (xlabel eq "" ? "epoch" : xlabel)
set ylabel (ylabel eq "" ? "denoising loss per configuration" : ylabel)
set key top right samplen 2.2 spacing 1.15
set xrange [0:*]
stats data using 2 nooutput
set yrange [STATS_min / 1.1:STATS_max * 1.2] noextend
unset mytics
set ytics () # 1, 2, 5 of every decade: a loss seldom spans more than one
do for [k = -4:7] {
    set ytics add (sprintf("%g", 10.0**k) 10.0**k, sprintf("%g", 2 * 10.0**k) 2 * 10.0**k, sprintf("%g", 5 * 10.0**k) 5 * 10.0**k)
}

plot for [i = 1:blocks] data index i-1 using 1:2 with lines linetype i title label[i]
