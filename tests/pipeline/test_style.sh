#!/bin/sh
# The sources are formatted by clang-format 16 with .clang-format (`make format`), and have lines of at most 120
# columns. So have documents, except for tables, pictures and code. Prints TAP.
name=style
. tests/pipeline/tap.sh
sources() {
    find src stages cuda tests -path tests/fuzz/corpus -prune -o \
        \( -name '*.c' -o -name '*.h' -o -name '*.cu' -o -name '*.cc' \) -print
}
wide() { LC_ALL=C.UTF-8 xargs grep -nE '.{121}' /dev/null >"$log"; }

sources | wide
[ ! -s "$log" ] && [ "$(sources | wc -l)" -gt 400 ]
check "no line of C is longer than 120 columns"
find .ci Makefile src stages cuda tests -path .ci/run -o -name Makefile -o -name '*.mk' -o -name '*.sh' -o \
    -name '*.py' | wide
[ ! -s "$log" ]
check "no line of a script is longer"
for doc in README.md CHANGELOG.md $(ls docs/*.md | grep -v gallery); do # which is generated
    sed '/^```/,/^```/d; /^ *|/d; /^    /d; /!\[/d' "$doc" | LC_ALL=C.UTF-8 grep -E '.{121}' | sed "s,^,$doc: ,"
done >"$log"
[ ! -s "$log" ]
check "no line of a document is longer"

format=$(command -v clang-format-16 || command -v clang-format)
if [ "$("${format:-false}" --version 2>/dev/null | sed -n 's/.*version \([0-9]*\)\..*/\1/p')" = 16 ]; then
    sources | xargs "$format" --dry-run -Werror >"$log" 2>&1
    check "the sources have the format of clang-format 16"
else
    n=$((n + 1))
    echo "ok $n - the sources have the format of clang-format 16 # SKIP Debian package clang-format-16"
fi
echo "1..$n"
[ $failures -eq 0 ]
