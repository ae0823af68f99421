#!/usr/bin/env bash
# The common part of tests/run and examples/run (.ci/setup.sh): the packages that they install, the folder in which they
# build, and their reports of tests.
set -uo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
. "$root/.ci/setup.sh"
unset CI HOTLINE_BUILD_DIR
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
failures=0

is() {    # is WHAT EXPECTED GOT
  [ "$2" = "$3" ] || { failures=$((failures + 1)) && printf 'not ok: %s\n--- expected\n%s\n--- got\n%s\n' "$@"; }
}
has() {    # has WHAT WORDS TEXT
  grep -qF -- "$2" <<<"$3" || { failures=$((failures + 1)) && printf 'not ok: %s\n--- expected words\n%s\n--- got\n%s\n' "$@"; }
}

# ----------------------------------------------------------------------------------------- a build folder that was moved

mkdir "$scratch/first"
printf 'cmake_minimum_required(VERSION 3.24)\nproject(hotline NONE)\n' >"$scratch/first/CMakeLists.txt"
built() { (configure "$1" "$1/build" --log-level=ERROR && cmake --build "$1/build") 2>&1; }
generator() { cached "$1/build" CMAKE_GENERATOR; }

built "$scratch/first" >/dev/null
cp -a "$scratch/first" "$scratch/copy"
said=$(built "$scratch/copy") || is 'a copied checkout configures and builds' 0 "$? $said"
has 'and says why it does so from the beginning' "$scratch/copy/build is made again: it was made for $scratch/first." "$said"
is 'with the generator of before' "$(generator "$scratch/first")" "$(generator "$scratch/copy")"
has 'a second time there is nothing to say' '' "$(built "$scratch/copy")"
is 'and nothing is made again' '' "$(built "$scratch/copy" | grep again)"
mv "$scratch/first" "$scratch/moved"
said=$(built "$scratch/moved") || is 'a moved checkout configures and builds' 0 "$? $said"
is 'the copy still does' '' "$(built "$scratch/copy" | grep again)"

sed -i 's|^CMAKE_CXX_COMPILER:.*||' "$scratch/copy/build/CMakeCache.txt"
echo "CMAKE_CXX_COMPILER:FILEPATH=$scratch/gone" >>"$scratch/copy/build/CMakeCache.txt"
has 'a compiler that is gone' "it was made with $scratch/gone, which is gone." "$(built "$scratch/copy")"

mkdir "$scratch/foreign"
sed 's/hotline/foreign/' "$scratch/moved/CMakeLists.txt" >"$scratch/foreign/CMakeLists.txt"
built "$scratch/foreign" >/dev/null
mv "$scratch/foreign" "$scratch/stranger"
has "another project's build folder is left alone" 'is a build folder of another project' "$(built "$scratch/stranger")"
[ -e "$scratch/stranger/build/CMakeCache.txt" ] || is 'it is still there' yes no

# ------------------------------------------------------------------------------------------------ where, and with what

is 'the build folder' "$root/build" "$(build_folder build)"
is 'another one' "$scratch/elsewhere/build" "$(HOTLINE_BUILD_DIR=$scratch/elsewhere build_folder build)"
is 'a relative one' "$scratch/there/build" "$(cd "$scratch" && HOTLINE_BUILD_DIR=there build_folder build)"
touch "$scratch/file"
has 'an impossible one' 'HOTLINE_BUILD_DIR names another folder' "$(HOTLINE_BUILD_DIR=$scratch/file build_folder build 2>&1)"

for version in 3.24 3.24.1 3.25.1 3.31.6 4.2.0; do new_enough $version || is "cmake $version is new enough" yes no; done
for version in 2.8 3.9 3.18.4 3.23.5; do ! new_enough $version || is "cmake $version is too old" yes no; done

is 'how much apt brings' 'apt: 70 packages come, 91 MB to fetch and 1365 MB on disk; that takes about a minute' "$(apt_plan 2>&1 <<'SAID'
0 upgraded, 70 newly installed, 0 to remove and 3 not upgraded.
Need to get 90.6 MB/101 MB of archives.
After this operation, 1,365 MB of additional disk space will be used.
SAID
)"
is 'and how long it takes' 'apt: 701 packages come, 512 MB to fetch and 2 MB on disk; that takes about 6 minutes' "$(apt_plan 2>&1 <<'SAID'
1 upgraded, 701 newly installed, 0 to remove and 0 not upgraded.
Need to get 512 MB of archives.
After this operation, 1,913 kB of additional disk space will be used.
SAID
)"
said=$(apt_progress 2>&1 <<'SAID'
dlstatus:1:0.5:Retrieving file 1 of 2
dlstatus:2:50.0:Retrieving file 2 of 2
pmstatus:cpp-12:33.3333:Unpacking cpp-12 (amd64)
pmstatus:cpp-12:66.6666:Configuring cpp-12 (amd64)
SAID
)
has 'how far apt is' '  apt: 0 %: Retrieving file 1 of 2' "$said"
has 'how far apt is' '  apt: 33 %: Unpacking cpp-12 (amd64)' "$said"

# --------------------------------------------------------------------------------------------------- how tests are told

# A failure is printed while ctest goes on, into a pipe as well: the output is read before the pipe in is closed.
mkfifo "$scratch/in" "$scratch/out"
report_tests <"$scratch/in" >"$scratch/out" &
exec 3>"$scratch/in" 4<"$scratch/out"
told() {    # arguments WHAT WORDS: a line that has them comes
  local line
  while IFS= read -r line <&4; do
    [[ $line != *"$2"* ]] || return 0
  done
  is "$1" "$2" 'nothing more'
}
printf '%s\n' '      Start  1: wire: a frame' ' 1/3 Test  #1: wire: a frame ....   Passed    0.01 sec' '      Start  2: log: a seq' \
  ' 2/3 Test  #2: log: a seq ....***Failed    0.02 sec' >&3
told 'a failure, at once' '2/3 Test  #2: log: a seq ....***Failed'
printf '%s\n' '      Start  3: e2e: chaos' >&3
told 'what runs, when nothing else is to be told' '2 of 3 done; running: e2e: chaos'
printf ' 3/3 Test  #3: e2e: chaos ....   Passed   20.00 sec\n\n67%% tests passed, 1 tests failed out of 3\n' >&3
exec 3>&-
said=$(cat <&4)
exec 4<&-
has 'the rest' '67% tests passed, 1 tests failed out of 3' "$said"
is 'what passed is only counted' '' "$(grep Passed <<<"$said")"

# ------------------------------------------------------------------------------------------------ the commands' arguments

has 'groups' wire "$("$root/tests/run" --list)"
has 'help' 'tests/run GROUP' "$("$root/tests/run" --help)"
for words in 'wrie' 'wire: [' '--nope'; do
  said=$("$root/tests/run" "$words" 2>&1) && is "tests/run $words is refused" refused "$said"
  is "tests/run $words, in a sentence" 1 "$(grep -c . <<<"$(grep -v '^grep' <<<"$said")")"
done
has 'help' '--tasks FILE' "$("$root/examples/run" --help)"
for words in '--port 70000' '--port=70000' '--port x' '--port -1' '--port' '--port 99999999999999999999' '--prt 1' 'stray' '--repo /nowhere' \
  "--repo $scratch/file" '--tasks /nowhere' "--tasks $scratch" "--tasks $scratch/file"; do
  # shellcheck disable=SC2086
  said=$("$root/examples/run" $words 2>&1) && is "examples/run $words is refused" refused "$said"
  is "examples/run $words, in a sentence" 1 "$(grep -c . <<<"$said")"
done

[ $failures -eq 0 ]
