# What the scripts of this folder share; they set `name` and source it. A folder of their own ($folder, with $log in
# it), removed at the end along with the make rules that name it, and lines of TAP.
unset MAKEFLAGS MFLAGS MAKEOVERRIDES MAKELEVEL
case ${BUILD:-build} in */sanitize) sanitize=SANITIZE=1 ;; *) sanitize= ;; esac
mkdir -p build/tmp
folder=$(mktemp -d "build/tmp/$name-XXXXXX") || exit 1
log=$folder/log
clean_up() { # the rules of this run have names of their own
    grep -l "$folder" "${BUILD:-build}"/plan/*.mk 2>/dev/null | xargs rm -f
    rm -rf "$folder"
}
trap clean_up EXIT
trap 'exit 1' INT TERM

n=0 failures=0
check() { # check DESCRIPTION, after a command that says whether it holds
    status=$?
    n=$((n + 1))
    if [ $status -eq 0 ]; then
        echo "ok $n - $1"
    else
        echo "not ok $n - $1"
        failures=$((failures + 1))
        tail -20 "$log" | sed 's/^/# /'
    fi
}
