#!/bin/sh
# Starts a program of an installed dmsq: dmsq PROGRAM OPTIONS. Without a program it lists them.
here=$(dirname "$(readlink -f "$0")")
programs=$here/../lib/dmsq
case ${1:---help} in
--help | -h)
    echo "Usage: dmsq PROGRAM [--OPTION=VALUE]...; dmsq PROGRAM --help describes its options. Programs:"
    ls "$programs"
    exit 0
    ;;
--version) exec "$programs/ledger" --version ;;
esac
case $1 in
*/* | .*) ;;
*) [ ! -x "$programs/$1" ] || { program=$programs/$1; shift; exec "$program" "$@"; } ;;
esac
echo "dmsq: no program '$1' found; dmsq --help lists the programs" >&2
exit 2
