# Sourced by .ci/run and .ci/full: one function section_NAME a section, and all=(NAME…) in their order. beside=(NAME…) are
# the sections that wait for a network most of the time: they begin first, run beside the others, and are printed last.
beside=()

# run_sections NAME…: each by itself, whatever became of the others; the last line is "N passed, N failed" of sections.
run_sections() {
  local name code word began took logs passed=0 failed=0 summary= foreground=() background=()
  declare -A started
  logs=$(mktemp -d)
  for name in "$@"; do
    if [[ " ${beside[*]} " == *" $name "* ]]; then
      (
        began=$SECONDS
        ("section_$name")
        code=$?
        echo $((SECONDS - began)) >"$logs/$name.took"
        exit $code
      ) </dev/null >"$logs/$name" 2>&1 &
      started[$name]=$!
      background+=("$name")
    else
      foreground+=("$name")
    fi
  done
  for name in "${foreground[@]}" "${background[@]}"; do
    printf '\n==================== %s\n' "$name"
    began=$SECONDS
    if [ -n "${started[$name]-}" ]; then
      wait "${started[$name]}"
      code=$?
      cat "$logs/$name"
      took=$(cat "$logs/$name.took")
    elif declare -F "section_$name" >/dev/null; then
      ("section_$name") </dev/null
      code=$?
      took=$((SECONDS - began))
    else
      took=0
      echo "no such section; there are: ${all[*]}"
      code=1
    fi
    if [ $code -eq 0 ]; then
      passed=$((passed + 1)) word=passed
    else
      failed=$((failed + 1)) word=FAILED
    fi
    summary+=$(printf '%-8s %-7s %4d s' "$name" "$word" "$took")$'\n'
  done
  rm -r "$logs"
  printf '\n==================== summary\n%s\n%d passed, %d failed\n' "$summary" "$passed" "$failed"
  [ $failed -eq 0 ]
}
