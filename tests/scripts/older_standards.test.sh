#!/usr/bin/env bash
# Under a language older than C++20, each header is one error that says what to do, whichever is included first.
set -uo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
failures=0

# Prints what the compiler says of a file that includes the header and uses nothing of it.
compiled() {    # compiled COMPILER STANDARD HEADER [FLAG…]
  echo "#include <hotline/$3>" | "$1" "-std=$2" -DASIO_STANDALONE -I "$root/include" "${@:4}" -fsyntax-only -x c++ - 2>&1
}

check() {    # check COMPILER STANDARD HEADER WORDS [FLAG…]
  local said count
  said=$(compiled "$1" "$2" "$3" "${@:5}")
  count=$(grep -c 'error:' <<<"$said")
  if [ "$count" != 1 ] || ! grep -qF -- "$4" <<<"$said"; then
    failures=$((failures + 1))
    printf 'not ok: %s -std=%s %s: %s errors\n%s\n' "$1" "$2" "$3" "$count" "$(head -n 5 <<<"$said")"
  fi
}

compilers=()
for compiler in g++ clang++ clang++-19; do
  if command -v "$compiler" >/dev/null; then compilers+=("$compiler"); else echo "$compiler is not here and was not tried"; fi
done

cd "$root/include/hotline" || exit 1
for compiler in ${compilers[@]+"${compilers[@]}"}; do
  while read -r header; do check "$compiler" gnu++17 "$header" 'compile with -std=c++20'; done < <(find . -name '*.hpp' -printf '%P\n')
  for standard in gnu++98 c++11 c++14 c++17; do check "$compiler" "$standard" hotline.hpp 'compile with -std=c++20'; done
done

# The standard library has its own condition.
if echo '#include <version>' | clang++-19 -stdlib=libc++ -std=c++20 -fsyntax-only -x c++ - 2>/dev/null; then
  check clang++-19 c++20 hotline.hpp -fexperimental-library -stdlib=libc++
else
  echo 'clang++-19 with libc++ is not here and was not tried'
fi

[ "$failures" = 0 ]
