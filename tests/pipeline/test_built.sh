#!/bin/sh
# The commit and the digest of the sources in run records: those of this tree when the program was built. Prints TAP.
name=built
. tests/pipeline/tap.sh
command -v git >/dev/null || { echo "1..0 # SKIP without git"; exit 0; }
build=${BUILD:-build}
here=$PWD
tree() { (cd "$1" && sh src/tree.sh); }
as() { # COMMIT DIRTY FOLDER: status 0 if src/tree.sh prints them in the folder
    tree "$3" >"$log" 2>&1 && grep -q "^$1 $2 [0-9a-f]*\$" "$log"
}
git="git -c user.name=test -c user.email=test@example.org -c init.defaultBranch=main"
new() { # FOLDER: makes a repository with a tree and prints its commit
    mkdir -p "$1/src/base" "$1/stages" "$1/cuda" && cp src/tree.sh src/commit "$1/src" && cp .gitattributes "$1" &&
        cp src/base/sum.c "$1/src/base" && : >"$1/Makefile" && : >"$1/VERSION" && : >"$1/README" &&
        (cd "$1" && unset GIT_DIR && $git init -q && $git add -A && $git commit -qm one) && (cd "$1" &&
        git rev-parse HEAD)
}
commit=$(new "$folder/one")
other=$(new "$folder/two")
as "$commit" 0 "$folder/one"
check "the commit of a clean tree"
echo >>"$folder/one/README" && as "$commit" 0 "$folder/one"
check "a changed file that is not compiled does not make the tree dirty"
clean=$(tree "$folder/one")
: >"$folder/one/src/base/x.c" && as "$commit" 1 "$folder/one"
check "an untracked source does"
rm "$folder/one/src/base/x.c"
echo >>"$folder/one/src/base/sum.c" && as "$commit" 1 "$folder/one" && [ "${clean##* }" != "$(sed 's/.* //' "$log")" ]
check "a changed source does, and changes the digest"
(cd "$folder/one" && git checkout -q src) && [ "$(tree "$folder/one")" = "$clean" ]
check "after its restoration commit and digest are the same"
echo "$clean" >"$folder/one/.git/earlier"
again() { (cd "$folder/one" && sh src/tree.sh .git/earlier); }
(cd "$folder/one" && $git commit -qam "of README") && [ "$(again)" = "$clean" ] &&
    [ "$(tree "$folder/one")" != "$clean" ]
check "a commit of other files does not change the commit of a program"
(cd "$folder/one" && echo >>stages/x.c && $git add -A && $git commit -qam "of a source") &&
    [ "$(again)" = "$(tree "$folder/one")" ]
check "a commit of a source does"
again >"$folder/one/.git/earlier" && (cd "$folder/one" && $git commit -q --amend -m "in other words") &&
    [ "$(again)" = "$(tree "$folder/one")" ]
check "a commit that was amended is not printed"
# The digest that is kept beside the answer: of older sources it is read, after any change it is made anew.
right() { kept=$(again) && other=$(tree "$folder/one") && [ "${kept##* }" = "${other##* }" ]; }
old() { find "$folder/one" -path '*/.git' -prune -o -exec touch -d '1 hour ago' {} +; }
old && right && echo 1234 >"$folder/one/.git/earlier.sources" && again | grep -q ' 1234$' &&
    touch "$folder/one/stages/x.c" && right && old && right &&
    echo "int x;" >>"$folder/one/stages/x.c" && right && old && right &&
    : >"$folder/one/cuda/y.cu" && right && old && right && rm "$folder/one/cuda/y.cu" && right &&
    (cd "$folder/one" && git checkout -q stages) && right
check "the digest that is kept is that of the sources"
commit=$(cd "$folder/one" && git rev-parse HEAD)
(export GIT_DIR="$here/$folder/two/.git" GIT_WORK_TREE="$here/$folder/two" && as "$commit" 0 "$folder/one")
check "GIT_DIR and similar variables have no effect"
mkdir "$folder/two/inside"
git -C "$folder/one" archive HEAD | tar -x -C "$folder/two/inside"
as "$commit" -1 "$folder/two/inside"
check "an archive unpacked in another repository has its own commit"
mkdir "$folder/two/copy" &&
    cp -R "$folder/one/src" "$folder/one/stages" "$folder/one/cuda" "$folder/one/Makefile" "$folder/one/VERSION" \
    "$folder/two/copy"
as - -1 "$folder/two/copy"
check "a copy has no commit"

found=$(cat "$build/tree")
object=$folder/build${sanitize:+/sanitize}/src/built.o
make --no-print-directory $sanitize BUILD="$folder/build" TREE="abcdef0123 1 fedcba" "$object" >"$log" 2>&1
strings "$object" 2>/dev/null | grep -qx abcdef0123
check "the commit is compiled into the program"
for left in src/base/sum.o.4711 src/base/sum.d.4711 bin/plan.4711 src/base/new.o.4712; do
    mkdir -p "$folder/build${sanitize:+/sanitize}/${left%/*}" && : >"$folder/build${sanitize:+/sanitize}/$left"
done
touch -d '2 hours ago' "$folder/build${sanitize:+/sanitize}"/*/*.4711 "$folder/build${sanitize:+/sanitize}"/*/*/*.4711
make --no-print-directory $sanitize BUILD="$folder/build" help >"$log" 2>&1
[ "$(find "$folder/build" -name '*.471[12]' | sed 's,.*/,,')" = new.o.4712 ] && [ -s "$object" ]
check "old files of killed compilers are removed"
"$build/bin/ensemble" --lattice=4,4 --configurations=8 --test-chains=0 --thermalisation=2 --output="$folder/run" \
    --quiet >"$log" 2>&1
tr -d '\n ' <"$folder/run/run.json" >"$log"
case $found in
"- "*) grep -q '"git_commit":null,"git_dirty":null' "$log" ;;
*" -1 "*) grep -q "\"git_commit\":\"${found%% *}\",\"git_dirty\":null" "$log" ;;
*" 0 "*) grep -q "\"git_commit\":\"${found%% *}\",\"git_dirty\":false" "$log" ;;
*) grep -q "\"git_commit\":\"${found%% *}\",\"git_dirty\":true" "$log" ;;
esac && grep -q "\"sources\":\"${found##* }\"" "$log"
check "the program writes it to run records: $found"

echo "1..$n"
[ $failures -eq 0 ]
