# Sourced by tests/run, examples/run and .ci/run: what they share of installing and building.
#
#   need g++ g++                          a command, and the Debian package that brings it
#   need asio/version.hpp libasio-dev     a header
#   install_missing                       from apt; touches nothing when nothing was missing
#   configure SOURCE BUILD ARGUMENT…      cmake

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

as_root() {
  if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi
}

# Says what it does on standard error; apt's own words only when it fails.
install_missing() {
  [ ${#missing_packages[@]} -gt 0 ] || return 0
  if ! command -v apt-get >/dev/null; then
    # Another system: its headers may lie where only CMake finds them, so let it be the judge.
    echo "not found: ${missing_packages[*]} (Debian's names); going on without" >&2
    return 0
  fi
  echo "installing ${missing_packages[*]}" >&2
  local log code=0
  log=$(mktemp)
  {
    as_root apt-get -qq update
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends "${missing_packages[@]}"
  } </dev/null >"$log" 2>&1 || code=$?
  [ $code -eq 0 ] || cat "$log" >&2
  rm -f "$log"
  missing_packages=()
  return $code
}

need_to_build() {
  [ -n "${CXX-}" ] || need c++ g++
  need cmake cmake
  command -v make >/dev/null || need ninja ninja-build
  need asio/any_io_executor.hpp libasio-dev
  need websocketpp/frame.hpp libwebsocketpp-dev
  need rapidjson/reader.h rapidjson-dev
}

# How many compilers at once: one a core, unless memory is short (each takes up to 1.5 GB).
build_jobs() {
  local cores memory
  cores=$(nproc 2>/dev/null || echo 2)
  memory=$(awk '/^MemAvailable/ {print int($2 / 1500000)}' /proc/meminfo 2>/dev/null || echo "$cores")
  [ "${memory:-0}" -ge 1 ] || memory=1
  echo $((memory < cores ? memory : cores))
}

# With Ninja, when it is there and the directory is new. In CI a warning is an error.
configure() {
  local source=$1 build=$2 home
  shift 2
  home=$(sed -n 's/^CMAKE_HOME_DIRECTORY:INTERNAL=//p' "$build/CMakeCache.txt" 2>/dev/null || true)
  if [ -z "$home" ]; then
    command -v ninja >/dev/null && set -- -G Ninja "$@"
  elif [ "$home" != "$source" ]; then
    set -- --fresh "$@"    # the tree was moved or copied with its build
  fi
  cmake -S "$source" -B "$build" "-DCMAKE_COMPILE_WARNING_AS_ERROR=$([ -n "${CI-}" ] && echo ON || echo OFF)" "$@"
}
