#!/usr/bin/env bash
# Under a language older than C++20, each header is one error that says what to do, whichever is included first.
set -uo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
failures=0

fail() {
  failures=$((failures + 1))
  printf 'not ok: %s\n' "$1"
}

# check COMPILER STANDARD WORDS INCLUDES [FLAG…]: a file of these includes is one error, which has the words.
check() {
  local said count
  said=$("$1" "-std=$2" -DASIO_STANDALONE -I "$root/include" "${@:5}" -fsyntax-only -x c++ - <<<"$4" 2>&1)
  count=$(grep -c 'error:' <<<"$said")
  if [ "$count" != 1 ] || ! grep -qF -- "$3" <<<"$said"; then
    fail "$1 -std=$2 ${4%%$'\n'*}: $count errors"$'\n'"$(head -n 5 <<<"$said")"
  fi
}

compilers=()
for compiler in g++ clang++ clang++-19; do
  if command -v "$compiler" >/dev/null; then compilers+=("$compiler"); else echo "$compiler is not here and was not tried"; fi
done

hotline='#include <hotline/hotline.hpp>' compiled='#include <hotline/src.hpp>'

# The header that is included first gives the error: each asks before anything else.
begins='^#pragma once\|#include <hotline/(language|transport/(linux|posix)_only)\.hpp>\|#if HOTLINE_DETAIL_(LANGUAGE( && .*)?|LINUX|POSIX)\|$'
cd "$root/include" || exit 1
while read -r header; do
  case $header in hotline/language.hpp | hotline/src.hpp | hotline/transport/*_only.hpp) continue ;; esac
  [[ "$(grep -vE '^ *(//.*)?$' "$header" | head -n 3 | tr '\n' '|')" =~ $begins ]] ||
    fail "$header does not begin as the others do"
done < <(find hotline -name '*.hpp')
every=$(find hotline -name '*.hpp' ! -name src.hpp -printf '#include <%p>\n' | sort)

for compiler in ${compilers[@]+"${compilers[@]}"}; do
  check "$compiler" gnu++17 'compile with -std=c++20' "$every"
  check "$compiler" gnu++17 'compile with -std=c++20' "$compiled"
  for standard in gnu++98 c++11 c++14 c++17; do check "$compiler" "$standard" 'compile with -std=c++20' "$hotline"; done
done

# The standard library has its own condition.
if echo '#include <version>' | clang++-19 -stdlib=libc++ -std=c++20 -fsyntax-only -x c++ - 2>/dev/null; then
  check clang++-19 c++20 -fexperimental-library "$hotline" -stdlib=libc++
else
  echo 'clang++-19 with libc++ is not here and was not tried'
fi

[ "$failures" = 0 ]
