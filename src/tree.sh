#!/bin/sh
# Prints "COMMIT DIRTY SOURCES" of the sources, as described in src/built.h (COMMIT "-": unknown), for the Makefile,
# which runs it in the root of the tree. The argument is a file with the previous answer: its commit is printed again as
# long as the sources are the same, so that a commit of other files does not link all programs again. Only a repository
# whose root is this tree counts, not one around it or one named by the environment. Without git the commit is that in
# src/commit, written by git archive.
unset $(git rev-parse --local-env-vars 2>/dev/null)
compiled="Makefile VERSION src stages cuda"
commit=- dirty=-1
root=$(git rev-parse --show-toplevel 2>/dev/null)
if [ "$root" ] && [ "$(cd "$root" && pwd -P)" = "$(pwd -P)" ]; then
    commit=$(git rev-parse --verify -q HEAD) || commit=-
    # Without the lock, so that a commit made at the same moment does not fail.
    if status=$(git --no-optional-locks status --porcelain --untracked-files=all -- $compiled 2>/dev/null); then
        [ "$status" ] && dirty=1 || dirty=0
    fi
else
    archived=$(cat src/commit 2>/dev/null)
    case $archived in
    *[!0-9a-f]* | '') ;;
    *) commit=$archived ;;
    esac
fi
# The digest is kept beside the answer until a file or folder changes; its time is a second earlier, since clocks tick.
kept=${1:+$1.sources}
sources=$(cat "$kept" 2>/dev/null)
if [ -z "$sources" ] || [ "$(find $compiled -newer "$kept" 2>/dev/null)" ]; then
    before=$(($(date +%s) - 1))
    sources=$(find $compiled -type f \( -name '*.[ch]' -o -name '*.cu' -o -name '*.sh' -o -name Makefile -o \
        -name VERSION \) | LC_ALL=C sort | xargs cat | sha256sum | cut -c1-16)
    [ -z "$kept" ] || { echo "$sources" >"$kept.$$" && touch -d "@$before" "$kept.$$" && mv -f "$kept.$$" "$kept"; } \
        2>/dev/null || rm -f "$kept.$$"
fi
earlier=$(cat "${1:-/dev/null}" 2>/dev/null)
case $earlier in
"$commit "* | "- "* | '') ;;
*" $dirty $sources") git merge-base --is-ancestor "${earlier%% *}" HEAD 2>/dev/null && commit=${earlier%% *} ;;
esac
echo "$commit $dirty $sources"
