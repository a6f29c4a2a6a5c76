#!/bin/sh
# Prints the packages that a program needs as a table: name, version, architecture. They are those of its shared
# libraries and of gcc, make and gnuplot. Without dpkg it lists the files of the libraries and programs instead.
#   sh src/provenance/packages.sh PROGRAM
printf 'package\tversion\tarchitecture\n'
files=$(ldd "$1" | awk '$2 == "=>" && $3 ~ /^\// { print $3 }'; command -v gcc make gnuplot)
if ! command -v dpkg-query >/dev/null; then
    for file in $files; do printf '%s\t\t%s\n' "$(readlink -f "$file")" "$(uname -m)"; done | LC_ALL=C sort -u
    exit 0
fi
for file in $files; do # with a merged /usr, dpkg knows a file by one of several names
    real=$(readlink -f "$file")
    dpkg-query -S "$file" 2>/dev/null || dpkg-query -S "$real" 2>/dev/null || dpkg-query -S "${real#/usr}" 2>/dev/null
done | sed 's/: .*//' | LC_ALL=C sort -u | xargs dpkg-query -W -f '${Package}\t${Version}\t${Architecture}\n' |
    LC_ALL=C sort -u
