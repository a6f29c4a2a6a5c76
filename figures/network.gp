# The score network (A Fig. 10): a panel a stride, a box a feature map, whose height is that of its lattice and whose
# width grows with its channels; arrows are convolutions, grey lines skip connections.
# Columns: number of the convolution, channels and extent of what goes in, of what comes out, parameters, operations.

eval page(12)
small = format eq "svg" ? "8.5" : format eq "png" ? "5.6" : "4.6"
set output output
unset border
unset tics

# Half the width of a box in units of the distance of two, and half its height: 32 sites are 0.62 high.
half(c) = 0.025 + 0.017 * log(c) / log(2)
high(n) = 0.085 + 0.62 * n / top / 1.15
colour(k) = k < 5 ? 0x8fbfe0 : k < 8 ? 0xf0b48a : 0xd0d0d0 # blue: encoding, orange: decoding
times = "×"
amount(x) = x < 1e3 ? sprintf("%.0f ", x) : x < 1e6 ? sprintf("%.0fk ", x / 1e3) : x < 1e9 ? sprintf("%.1f M", x / 1e6) : sprintf("%.2f G", x / 1e9)

set multiplot layout blocks,1 margins 0.01,0.99,0.03,0.97 spacing 0,0.04
do for [b = 1:blocks] {
    set autoscale # stats looks at the ranges
    stats data index b-1 using 5 nooutput
    top = STATS_max
    stats data index b-1 using 6 nooutput
    parameters = STATS_sum
    stats data index b-1 using 7 nooutput
    flop = STATS_sum
    set xrange [-0.75:8.75]
    set yrange [-1.15:1.45]
    unset label
    unset arrow
    set label 1 label[b] at graph 0.01, graph 0.97 left font ",".(format eq "svg" ? "11" : format eq "png" ? "7.5" : "6")
    set label 2 sprintf("convolutions: %sweights, %sFLOP", amount(parameters), amount(flop)) at graph 0.99, graph 0.97 right font ",".small
    # skip connections: output of convolution 1, 2, 3 joins that of 7, 6, 5
    do for [k = 1:3] {
        y = 1.16 - 0.13 * (k - 1)
        set arrow 10*k from k, 0.12 to k, y nohead linecolor rgb "#9a9a9a" dashtype 2 back
        set arrow 10*k+1 from k, y to 8-k, y nohead linecolor rgb "#9a9a9a" dashtype 2 back
        set arrow 10*k+2 from 8-k, y to 8-k, 0.12 head filled size graph 0.008,20 linecolor rgb "#9a9a9a" dashtype 2 back
    }
    do for [k = 1:8] {
        set arrow 100+k from k-0.73, 0 to k-0.27, 0 head filled size graph 0.008,20 linecolor rgb ink front
    }
    plot data index b-1 using ($1 == 1 ? 0 : NaN):(0):(half($2)):(high($3)) with boxxyerror fillstyle solid 1 border linecolor rgb dark fillcolor rgb pale notitle, \
         data index b-1 using 1:(0):(half($4)):(high($5)):(colour($1)) with boxxyerror fillstyle solid 1 border linecolor rgb dark fillcolor rgb variable notitle, \
         data index b-1 using ($1 == 1 ? 0 : NaN):(-0.78):(sprintf("%d", $2)) with labels font ",".small notitle, \
         data index b-1 using ($1 == 1 ? 0 : NaN):(-0.93):(sprintf("%d%s%d", $3, times, $3)) with labels font ",".small notitle, \
         data index b-1 using 1:(-0.78):(sprintf("%d", $4)) with labels font ",".small notitle, \
         data index b-1 using 1:(-0.93):(sprintf("%d%s%d", $5, times, $5)) with labels font ",".small notitle, \
         data index b-1 using ($1 - 0.5):(0.11):($1 < 5 ? sprintf("conv%d", $1) : sprintf("tconv%d", 9 - $1)) with labels font ",".small notitle, \
         data index b-1 using ($1 - 0.5):(-0.11):(amount($6)) with labels font ",".small textcolor rgb dark notitle
}
unset multiplot
