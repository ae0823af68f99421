#!/usr/bin/env bash
# Boost.Asio 1.74 and standalone Asio 1.22 cannot be included in one file, though one is the other in a namespace of its own.
#
#   findings/boost_asio_and_asio_in_one_file.sh     needs Debian 12's apt, g++ and a network; works in a folder of its own
#
# Guessed before: everything of Boost.Asio is in `boost::asio` and everything of Asio in `asio`, so a file may include both, in
# any order: a library on Asio gives a host on Boost.Asio no trouble.
#
# Seen with libasio-dev 1.22.1, libboost1.74-dev and libboost1.81-dev of Debian 12, g++ 12.2: both Asios keep the
# customisation points of executors in namespaces at the top, which both call `asio_execution_execute_fn`, `asio_query_fn` and
# so on. With Boost 1.74, Debian 12's default, a file that includes both io_contexts does not compile, in either order; in two
# files of one program they get along. Boost 1.81 calls its own `boost_asio_query_fn`, and compiles.
#
# It prints what was seen, and fails when that has changed.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

for package in libasio-dev=1:1.22.1-1 libboost1.74-dev=1.74.0+ds1-21 libboost1.81-dev=1.81.0-5+deb12u1; do
  apt-get download -q "$package" >&2
done
for package in *.deb; do dpkg-deb -x "$package" "${package%%_*}"; done

asio='#include <asio/io_context.hpp>' boost='#include <boost/asio/io_context.hpp>'
for version in 1.74 1.81; do
  for order in "$asio|$boost" "$boost|$asio"; do
    tr '|' '\n' <<<"$order" >both.cpp
    first=$(sed -n '1s/.*<\(.*\)\/io.*/\1/p' both.cpp)
    if g++ -std=c++20 -fsyntax-only \
      -isystem "libboost$version-dev/usr/include" -isystem libasio-dev/usr/include -DASIO_STANDALONE both.cpp 2>errors.txt; then
      echo "Boost $version, $first first: compiles"
    else
      echo "Boost $version, $first first: $(grep -c 'error:' errors.txt | sed 's/^[1-9][0-9]*$/errors/')"
    fi
  done
done | tee seen.txt

cat >expected.txt <<'EXPECTED'
Boost 1.74, asio first: errors
Boost 1.74, boost/asio first: errors
Boost 1.81, asio first: compiles
Boost 1.81, boost/asio first: compiles
EXPECTED
diff expected.txt seen.txt >&2 && echo 'as it was'
