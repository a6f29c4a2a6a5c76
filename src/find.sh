#!/bin/sh
# Finds the libraries and tools that dmsq needs, from any source of packages: compiles and links a line with each
# library, with the user's CC, CPPFLAGS, LDFLAGS and LDLIBS, and looks for the tools.
#   sh src/find.sh flags            one line "found OPTIONS": the libraries' options, from pkg-config if it knows them
#   sh src/find.sh missing          what is missing, with its package for Debian, Fedora and conda-forge; status 1 if
#                                   anything is missing
#   sh src/find.sh libraries        the same, only for building the programs
#   sh src/find.sh packages         the missing Debian packages, on one line
CC=${CC:-gcc}

# Columns: name; header; library; name for pkg-config; packages of Debian, Fedora and conda-forge. OpenMP is the
# compiler's.
libraries='
libc         stdio.h              m          -          libc6-dev           glibc-devel         sysroot_linux-64
oneDNN       dnnl.h               dnnl       dnnl       libdnnl-dev         onednn-devel        onednn
SQLite       sqlite3.h            sqlite3    sqlite3    libsqlite3-dev      sqlite-devel        sqlite
libzip       zip.h                zip        libzip     libzip-dev          libzip-devel        libzip
zlib         zlib.h               z          zlib       zlib1g-dev          zlib-devel          zlib
OpenSSL      openssl/evp.h        crypto     libcrypto  libssl-dev          openssl-devel       openssl
libinih      ini.h                inih       inih       libinih-dev         inih-devel          inih
Jansson      jansson.h            jansson    jansson    libjansson-dev      jansson-devel       jansson
libarchive   archive.h            archive    libarchive libarchive-dev      libarchive-devel    libarchive
Random123    Random123/philox.h   -          -          librandom123-dev    Random123-devel     random123
cmocka       cmocka.h             cmocka     cmocka     libcmocka-dev       libcmocka-devel     cmocka'

# Options of one library. If pkg-config does not know it, CPPFLAGS and LDFLAGS must name its folders.
flags_of() { # LIBRARY PKG_CONFIG_NAME
    { [ "$2" != - ] && pkg-config --cflags --libs "$2"; } 2>/dev/null || [ "$1" = - ] || echo "-l$1"
}
each() { # COMMAND: calls it with the columns of every line
    echo "$libraries" | while read -r line; do
        [ -z "$line" ] || "$1" $line
    done
}

links() { # HEADER OPTIONS: status 0 if a program that includes the header can be compiled and linked
    { printf '#include <%s>\n' stddef.h stdarg.h setjmp.h stdint.h "$1" && echo 'int main(void) { return 0; }'; } |
        $CC $CPPFLAGS $CFLAGS -x c -o /dev/null - -x none $LDFLAGS $2 $LDLIBS 2>/dev/null
}
say() { # WHAT DEBIAN FEDORA CONDA
    if [ "$mode" = packages ]; then
        echo "$2"
    else
        echo "missing: $1 (Debian: $2; Fedora: $3; conda-forge: $4)"
    fi
}
try_library() {
    links "$2" "$(flags_of "$3" "$4")" || say "$1, header $2$([ "$3" = - ] || echo ", library $3")" "$5" "$6" "$7"
}
libraries() {
    if ! command -v "${CC%% *}" >/dev/null; then
        say "the C compiler $CC" gcc gcc gcc
        return
    fi
    case $($CC --version 2>/dev/null) in
    *clang*) openmp='libomp-dev libomp-devel llvm-openmp' ;;
    *) openmp='gcc libgomp libgomp' ;;
    esac
    links omp.h -fopenmp || say "OpenMP of $CC, header omp.h" $openmp
    each try_library
}
tools() {
    command -v "${CXX:-g++}" >/dev/null || say "a C++ compiler, for the tests of the CUDA backend" g++ gcc-c++ gxx
    command -v gnuplot >/dev/null || say "gnuplot, for the figures" gnuplot-nox gnuplot gnuplot
    if ! command -v fc-match >/dev/null; then
        say "fc-match, which finds fonts" fontconfig fontconfig fontconfig
    elif ! fc-match 'DejaVu Sans' | grep -q 'DejaVu Sans'; then
        say "the fonts DejaVu Sans, for the figures" fonts-dejavu-core dejavu-sans-fonts fonts-conda-forge
    fi
}
options() {
    [ "$1" = cmocka ] || flags_of "$3" "$4"
}
# One call of pkg-config for all libraries but oneDNN, which it does not know on Debian.
shared_call() { [ "$4" != - ] && [ "$4" != dnnl ] && [ "$1" != cmocka ]; }
package() {
    ! shared_call "$@" || echo "$4"
}
others() {
    shared_call "$@" || options "$@"
}
all_options() {
    { pkg-config --cflags --libs $(each package) && each others; } 2>/dev/null || each options
}
mode=$1
case $mode in
flags) echo found $(all_options) ;;
packages) echo $(libraries; tools) ;;
libraries | missing)
    text=$(libraries; [ "$mode" = libraries ] || tools)
    [ -z "$text" ] || { echo "$text"; exit 1; }
    ;;
*) echo "usage: src/find.sh flags|missing|libraries|packages" >&2; exit 2 ;;
esac
