# Stochastic quantization and diffusion models (A Fig. 9): two rows of a prior on the left and the target on the right,
# the known drift in the upper one, the learned score in the lower. No data: everything here is text, boxes, arrows.

if (format eq "svg") {
    set terminal svg size 620,400 dynamic enhanced font "DejaVu Sans,11" linewidth 1.3 background "#ffffff"
}
if (format eq "png") {
    set terminal pngcairo size 1464,944 enhanced font "DejaVu Sans,7.5" fontscale 3.3 linewidth 3.2 pointscale 2.6
}
if (format eq "pdf") {
    set terminal pdfcairo size 12.4cm,8cm enhanced font "DejaVu Sans,6" fontscale 1 linewidth 1.2 pointscale 0.5
}
set output output
unset border
unset tics
set xrange [0:100]
set yrange [0:100]
set margins screen 0.005, screen 0.995, screen 0.01, screen 0.99
small = ",".(format eq "svg" ? "9.5" : format eq "png" ? "6.4" : "5.2")
large = ",".(format eq "svg" ? "12.5" : format eq "png" ? "8.4" : "6.8")
blue = "#0072b2"
red = "#d55e00"

# --- above: stochastic quantization ---
set label 1 "Stochastic quantization" at 50,96 center font large textcolor rgb blue
set object 1 rectangle from 2,60 to 21,84 fillcolor rgb "#e8f1f8" fillstyle solid 1 border linecolor rgb blue
set label 2 "any start" at 11.5,76 center
set label 3 "φ(x, τ = 0)" at 11.5,68 center
set object 2 rectangle from 79,60 to 98,84 fillcolor rgb "#e8f1f8" fillstyle solid 1 border linecolor rgb blue
set label 4 "equilibrium" at 88.5,76 center
set label 5 "{/:Italic p}(φ) ∝ e^{−{/:Italic S}[φ]}" at 88.5,68 center
set arrow 1 from 22.5,72 to 77.5,72 head filled size screen 0.018,18 linecolor rgb blue linewidth 2
set label 6 "∂φ/∂τ = {/:Italic K}[φ] + √2 η" at 50,78 center
set label 7 "known drift  {/:Italic K} = −δ{/:Italic S}/δφ" at 50,86.5 center textcolor rgb blue
set label 8 "Langevin time τ → ∞" at 50,66 center font small textcolor rgb dark

# --- between: what takes whose place ---
set arrow 2 from 50,61 to 50,53 heads filled size screen 0.013,20 linecolor rgb dark dashtype 2
set label 9 "the learned score takes the place of the drift" at 52.5,57 left font small textcolor rgb dark

# --- below: diffusion model ---
set object 3 rectangle from 2,18 to 21,42 fillcolor rgb "#fbeee4" fillstyle solid 1 border linecolor rgb red
set label 10 "prior: noise" at 11.5,34 center
set label 11 "{/:Italic N}(0, σ_{/:Italic T}^2)" at 11.5,26 center
set object 4 rectangle from 79,18 to 98,42 fillcolor rgb "#fbeee4" fillstyle solid 1 border linecolor rgb red
set label 12 "target: data" at 88.5,34 center
set label 13 "φ_0 ∼ {/:Italic p}(φ_0)" at 88.5,26 center
set arrow 3 from 22.5,34 to 77.5,34 head filled size screen 0.018,18 linecolor rgb red linewidth 2
set label 14 "learned score  {/:Italic s}_θ(φ, {/:Italic t}) ≈ ∇_φ log {/:Italic p_t}(φ)" at 50,48 center textcolor rgb red
set label 15 "denoising:  dφ = −{/:Italic g}^2({/:Italic t}) {/:Italic s}_θ d{/:Italic t} + {/:Italic g}({/:Italic t}) d{/:Italic w̄},   {/:Italic t}: {/:Italic T} → 0" at 50,40 center
set arrow 4 from 77.5,26 to 22.5,26 head filled size screen 0.018,18 linecolor rgb dark linewidth 1.4
set label 16 "smoothing:  dφ = {/:Italic g}({/:Italic t}) d{/:Italic w},   {/:Italic t}: 0 → {/:Italic T}" at 50,19.5 center textcolor rgb dark
set label 17 "Diffusion model" at 50,6 center font large textcolor rgb red

plot NaN notitle
