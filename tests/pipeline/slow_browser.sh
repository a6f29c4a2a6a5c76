#!/bin/sh
# The report in headless Chromium, 390 and 1280 pixels wide, light and dark: makes pictures in build/tmp/report/, and
# checks that the page does not scroll horizontally. Skipped without Chromium. Prints TAP.
name=browser
. tests/pipeline/tap.sh
chromium=$(command -v chromium || command -v chromium-browser || command -v google-chrome)
if [ -z "$chromium" ]; then
    echo "ok 1 - the report fits a phone and a screen # SKIP Chromium is not installed"
    echo "1..1"
    exit 0
fi
mkdir "$folder/experiments" &&
    cp experiments/table1.ini experiments/fig9.ini experiments/fig10.ini experiments/published.tsv \
    "$folder/experiments" || exit 1
dmsq() {
    make --no-print-directory $sanitize PROFILE=tests/pipeline/tiny.ini EXPERIMENTS="$folder/experiments" \
        RESULTS="$folder/results" \
        FIGURES="$folder/figures" QUIET=1 "$@" >"$log" 2>&1
}
dmsq -j2 table1 fig9 && dmsq report
check "make table1 fig9 report succeeds"
page=$(realpath "$folder/results/tiny/report.html") pictures=build/tmp/report
mkdir -p $pictures
browse() { # ARGUMENTS: runs Chromium, without a sandbox, which it does not have for root
    timeout 120 "$chromium" --headless --no-sandbox --disable-gpu --hide-scrollbars --user-data-dir="$folder/profile" \
        "$@" 2>"$log"
}
# A second page with a script shows the report in a frame of each width and measures it.
for width in 390 1280; do
    cat >"$folder/measure.html" <<END
<!DOCTYPE html><title>?</title><body style="margin:0">
<iframe id="f" style="border:0;width:${width}px;height:900px" src="file://$page"></iframe>
<script>onload = function () { var d = document.getElementById("f").contentDocument.documentElement;
document.title = "page " + d.scrollWidth + " of " + d.clientWidth; }</script>
END
    said=$(browse --allow-file-access-from-files --virtual-time-budget=5000 --dump-dom \
        "file://$(realpath "$folder/measure.html")" |
        sed -n 's/.*<title>\(page [0-9]* of [0-9]*\)<.*/\1/p')
    [ "$said" = "page $width of $width" ]
    check "at $width pixels the page does not scroll horizontally: $said"
    for scheme in light dark; do
        dark=$([ $scheme = dark ] && echo --blink-settings=preferredColorScheme=0 ||
            echo --blink-settings=preferredColorScheme=1)
        rm -f $pictures/$width-$scheme.png
        browse $dark --window-size=$width,${HEIGHT:-6000} --screenshot="$PWD/$pictures/$width-$scheme.png" \
            "file://$page"
        [ -s $pictures/$width-$scheme.png ]
        check "a picture of it, $scheme: $pictures/$width-$scheme.png"
    done
done
cmp -s $pictures/390-light.png $pictures/390-dark.png
[ $? -eq 1 ]
check "light and dark differ"
echo "1..$n"
[ $failures -eq 0 ]
