# Sourced by tests/run, examples/run and .ci/run: what they share of checking, installing, building and
# telling how tests go.
#
#   stop MESSAGE…                         says on standard error why the command cannot go on, and ends it with 2
#   build=$(build_folder NAME) || exit 2  where to build: below HOTLINE_BUILD_DIR, by default in the checkout
#   need g++ g++                          a command, and the Debian package that brings it
#   need asio/version.hpp libasio-dev     a header
#   install_missing                       from apt; touches nothing when nothing was missing
#   configure SOURCE BUILD ARGUMENT…      cmake
#   ctest … | report_tests                what passed is counted, failures are shown at once
# Checks that need no installing and no building come first.

cmake_needed=3.24

say() { printf '%s\n' "$*" >&2; }

stop() {
  say "$*"
  exit 2
}

# ------------------------------------------------------------------------------------------------- where things go

# Makes the folder, so that a checkout that cannot be written to is noticed before anything else.
build_folder() {
  local folder=${HOTLINE_BUILD_DIR:-$root}
  case $folder in
    /*) folder=$folder/$1 ;;
    *) folder=$PWD/$folder/$1 ;;
  esac
  if ! { mkdir -p "$folder" && [ -w "$folder" ]; } 2>/dev/null; then
    stop "$folder cannot be written to. HOTLINE_BUILD_DIR names another folder to build in, as in:" \
      "HOTLINE_BUILD_DIR=\$HOME/hotline-build $0"
  fi
  echo "$folder"
}

# --------------------------------------------------------------------------------------------------------- install

missing_packages=()

need() {
  case $1 in
    *.h | *.hpp)
      local dir IFS=:
      for dir in /usr/include /usr/local/include ${CPATH:-} ${CPLUS_INCLUDE_PATH:-}; do
        [ -e "$dir/$1" ] && return
      done
      ;;
    *) command -v "$1" >/dev/null && return ;;
  esac
  missing_packages+=("$2")
}

need_to_build() {
  [ -n "${CXX-}" ] || need c++ g++
  need cmake cmake
  command -v make >/dev/null || need ninja ninja-build
  need asio/any_io_executor.hpp libasio-dev
  need websocketpp/frame.hpp libwebsocketpp-dev
  need rapidjson/reader.h rapidjson-dev
  check_tools
}

# A tool that is too old would break all that follows.
check_tools() {
  local version
  if command -v cmake >/dev/null; then
    version=$(cmake --version | sed -n '1s/.* //p')
    new_enough "$version" || stop "cmake $version is too old: the build needs $cmake_needed or newer (Debian 12 has 3.25)." \
      "Install a newer one and put it first in PATH."
  fi
  if command -v "${CXX:-c++}" >/dev/null &&
    ! printf '#include <concepts>\n' | "${CXX:-c++}" -std=c++20 -fsyntax-only -x c++ - >/dev/null 2>&1; then
    stop "${CXX:-c++} does not compile C++20: g++ 12 or clang 14 does, and CXX=/path/to/compiler chooses it."
  fi
}

new_enough() {    # new_enough VERSION
  [ "$(printf '%s\n' "$cmake_needed" "$1" | sort -V | head -n 1)" = "$cmake_needed" ]
}

as_root() {
  if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi
}

# Says on standard error how much comes and how far it is.
install_missing() {
  [ ${#missing_packages[@]} -gt 0 ] || return 0
  local packages=("${missing_packages[@]}") command
  missing_packages=()
  if ! command -v apt-get >/dev/null; then
    for command in "${CXX:-c++}" cmake; do
      command -v "$command" >/dev/null ||
        stop "There is no apt-get here to install what is missing. Install what these Debian packages bring, then try again:" \
          "${packages[*]}"
    done
    # Headers of another system may lie where only CMake finds them.
    say "There is no apt-get here to install what seems to be missing (Debian's names: ${packages[*]}); going on without."
    return 0
  fi
  if [ "$(id -u)" -ne 0 ] && ! command -v sudo >/dev/null; then
    stop "Packages are missing, and installing them needs root or sudo. As root:" \
      "apt-get install --no-install-recommends ${packages[*]}"
  fi
  apt_install "${packages[@]}"
}

apt_install() {
  local - log plan candidate install code offline=() began=$SECONDS
  set -o pipefail
  log=$(mktemp)
  say "apt: looking for what is missing: $*"
  # Lists that cannot be renewed may do all the same, and a third party's server is not ours to judge.
  as_root apt-get -q update -o Acquire::Retries=1 -o Acquire::http::Timeout=20 -o Acquire::https::Timeout=20 \
    </dev/null >"$log" 2>&1 || true
  # Then what was fetched before has to do; apt would try for minutes.
  grep -qE '^(Get|Hit):' "$log" || offline=(--no-download)
  case " $* " in
    *' cmake '*)
      candidate=$(LC_ALL=C apt-cache policy cmake | sed -n 's/^ *Candidate: //p')
      case $candidate in
        [0-9]*) new_enough "$candidate" || stop "This system's cmake is $candidate, and the build needs $cmake_needed or newer" \
          "(Debian 12 has 3.25). Install a newer one and put it first in PATH." ;;
      esac
      ;;
  esac
  if ! plan=$(LC_ALL=C apt-get -q install --assume-no --no-install-recommends "$@" 2>>"$log" </dev/null) &&
    ! grep -q '^After this operation' <<<"$plan"; then
    installing_failed "$log" "$@"
  fi
  apt_plan <<<"$plan"
  # Configuration that is there already stays: no one could answer dpkg's question.
  install=(apt-get -q install -y --no-install-recommends -o APT::Status-Fd=9 -o Dpkg::Use-Pty=0
    -o Dpkg::Options::=--force-confold)
  # Descriptor 9, because debconf takes 3. It is opened inside, because sudo closes what it is handed.
  code=0
  as_root sh -c 'exec env DEBIAN_FRONTEND=noninteractive "$@" 9>&1 1>&2' sh \
    "${install[@]}" ${offline[@]+"${offline[@]}"} "$@" </dev/null 2>>"$log" | apt_progress || code=$?
  [ $code -eq 0 ] || installing_failed "$log" "$@"
  rm -f "$log"
  say "apt: installed in $((SECONDS - began)) s"
}

installing_failed() {
  local log=$1
  shift
  if grep -qE '^(Get|Hit):' "$log"; then
    tail -n 20 "$log" >&2
    say 'apt could not install what is missing; what it said is above.'
  else
    say 'apt could not reach its servers. With a network, this installs what is missing:'
  fi
  rm -f "$log"
  stop "apt-get install --no-install-recommends $*"
}

# "The following NEW packages …", "Need to get 12.3 MB of archives.", "After this operation, 45.6 MB of …": a sentence.
apt_plan() {
  awk '
    function megabytes(number, unit) { gsub(/,/, "", number); return number * (unit ~ /^k/ ? 0.001 : unit ~ /^G/ ? 1000 : 1) }
    / newly installed/ { for (i = 2; i <= NF; i++) if ($i == "newly") packages = $(i - 1) }
    /^Need to get/ { fetched = megabytes($4, $5) }
    /^After this operation/ { kept = megabytes($4, $5) }
    END {
      seconds = 5 + packages * 0.3 + fetched / 5
      printf "apt: %d packages come, %d MB to fetch and %d MB on disk; that takes about %s\n", packages, fetched + 0.5,
        kept + 0.5, seconds < 90 ? "a minute" : int(seconds / 60 + 1) " minutes"
    }' >&2
}

# Lines of APT::Status-Fd: KIND:PACKAGE:PERCENT:TEXT. On a terminal one line that changes, elsewhere a line now and then.
apt_progress() {
  local kind percent text shown='' last=0 every=10 begin='' end=$'\n'
  if [ -t 2 ]; then every=1 begin=$'\r\e[K' end=''; fi
  while IFS=: read -r kind _ percent text; do
    case $kind in dlstatus | pmstatus) ;; *) continue ;; esac
    [ "$kind" != "$shown" ] || [ $((SECONDS - last)) -ge $every ] || continue
    shown=$kind last=$SECONDS
    printf '%s  apt: %d %%: %s%s' "$begin" "${percent%%.*}" "$text" "$end" >&2
  done
  printf '%s' "$begin" >&2
}

# ----------------------------------------------------------------------------------------------------------- build

# How many compilers at once: one a core, unless memory is short (each takes up to 1.5 GB).
build_jobs() {
  local cores memory
  cores=$(nproc 2>/dev/null || echo 2)
  memory=$(awk '/^MemAvailable/ {print int($2 / 1500000)}' /proc/meminfo 2>/dev/null || echo "$cores")
  [ "${memory:-0}" -ge 1 ] || memory=1
  echo $((memory < cores ? memory : cores))
}

cached() {    # cached BUILD VARIABLE: its value in the build's cache
  sed -n "s|^$2:[A-Z]*=||p" "$1/CMakeCache.txt" 2>/dev/null
}

# Why a build folder cannot be used any more, or nothing if it can.
stale() {
  local source=$1 build=$2 home compiler
  home=$(cached "$build" CMAKE_HOME_DIRECTORY)
  if [ -z "$home" ]; then return; fi
  compiler=$(cached "$build" CMAKE_CXX_COMPILER)
  if ! [ "$home" -ef "$source" ] || ! [ "$(cached "$build" CMAKE_CACHEFILE_DIR)" -ef "$build" ]; then
    echo "it was made for $home"
  elif [ "$(cached "$build" CMAKE_GENERATOR)" = Ninja ] && ! command -v ninja >/dev/null; then
    echo 'it was made with ninja, which is gone'
  elif [ "$(cached "$build" CMAKE_GENERATOR)" = 'Unix Makefiles' ] && ! command -v make >/dev/null; then
    echo 'it was made with make, which is gone'
  elif [[ $compiler == /* && ! -x $compiler ]]; then
    echo "it was made with $compiler, which is gone"
  fi
}

# With Ninja, when it is there and the folder is new. In CI a warning is an error.
configure() {
  local source=$1 build=$2 why
  shift 2
  why=$(stale "$source" "$build")
  if [ -n "$why" ]; then
    [ "$(cached "$build" CMAKE_PROJECT_NAME)" = hotline ] || stop "$build is a build folder of another project."
    say "$build is made again: $why."
    rm -rf "${build:?}"
  fi
  if [ ! -e "$build/CMakeCache.txt" ] && command -v ninja >/dev/null; then set -- -G Ninja "$@"; fi
  cmake -S "$source" -B "$build" "-DCMAKE_COMPILE_WARNING_AS_ERROR=$([ -n "${CI-}" ] && echo ON || echo OFF)" "$@"
}

# ------------------------------------------------------------------------------------------------------------- test

# Reads the output of ctest. Passed tests are counted, all else is printed at once, and a line every ten seconds shows the
# progress.
report_tests() {
  local line='' rest='' total='' done=0 last=$SECONDS code number names
  declare -A running=()
  while :; do
    code=0
    IFS= read -r -t 5 line || code=$?
    rest+=$line
    if [ $code -eq 0 ]; then
      line=$rest rest=''
      if [[ $line =~ ^\ *Start\ +([0-9]+):\ (.*)$ ]]; then
        running[${BASH_REMATCH[1]}]=${BASH_REMATCH[2]}
      elif [[ $line =~ ^\ *([0-9]+)/([0-9]+)\ Test\ +\#([0-9]+):\  ]]; then
        done=${BASH_REMATCH[1]} total=${BASH_REMATCH[2]} number=${BASH_REMATCH[3]}
        unset "running[$number]"
        [[ $line =~ \ Passed\ +[0-9.]+\ sec ]] || printf '%s\n' "$line"
      else
        printf '%s\n' "$line"
      fi
    elif [ $code -le 128 ]; then    # not a time-out: the end
      [ -z "$rest" ] || printf '%s\n' "$rest"
      return
    fi
    if [ $((SECONDS - last)) -ge 10 ] && [ ${#running[@]} -gt 0 ]; then
      last=$SECONDS
      names=$(printf '%s; ' "${running[@]}")
      printf '  %s%s done; running: %s\n' "$done" "${total:+ of $total}" "${names%; }"
    fi
  done
}
