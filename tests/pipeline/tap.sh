# Shared by the scripts of this folder, which set `name` and source it: a temporary folder $folder with $log in it,
# removed at the end with the make rules that name it, and TAP output.
unset MAKEFLAGS MFLAGS MAKEOVERRIDES MAKELEVEL
case ${BUILD:-build} in */sanitize) sanitize=SANITIZE=1 ;; *) sanitize= ;; esac
mkdir -p build/tmp
folder=$(mktemp -d "build/tmp/$name-XXXXXX") || exit 1
log=$folder/log
clean_up() { # also the make rules of this folder
    grep -l "$folder" "${BUILD:-build}"/plan/*.mk 2>/dev/null | xargs rm -f
    rm -rf "$folder"
}
trap clean_up EXIT
trap 'exit 1' INT TERM

n=0 failures=0
check() { # DESCRIPTION: prints it as passed if the previous command succeeded, else as failed
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
