#!/bin/sh
# What is being compiled, for the Makefile, which runs this in the root of the tree: prints "COMMIT DIRTY SOURCES", as
# src/built.h describes them (COMMIT "-": not known). With the file of an earlier answer as argument, that commit stays
# as long as the same sources are in it: a new commit of something else links no program anew. git is asked about this
# tree alone: a repository around it, or one that the environment names, says nothing about these files. Where there is
# no git, src/commit serves: git archive writes the commit there.
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
sources=$(find $compiled -type f \( -name '*.[ch]' -o -name '*.cu' -o -name '*.sh' -o -name Makefile -o -name VERSION \
    \) |
    LC_ALL=C sort | xargs cat | sha256sum | cut -c1-16)
earlier=$(cat "${1:-/dev/null}" 2>/dev/null)
case $earlier in
"$commit "* | "- "* | '') ;;
*" $dirty $sources") git merge-base --is-ancestor "${earlier%% *}" HEAD 2>/dev/null && commit=${earlier%% *} ;;
esac
echo "$commit $dirty $sources"
