# Sourced by .ci/run and .ci/full: one function section_NAME a section, and all=(NAME…) in their order.

# run_sections NAME…: each by itself, whatever became of the others; the last line is "N passed, N failed" of sections.
run_sections() {
  local name code word began passed=0 failed=0 summary=
  for name in "$@"; do
    printf '\n==================== %s\n' "$name"
    began=$SECONDS
    if declare -F "section_$name" >/dev/null; then
      ("section_$name") </dev/null
      code=$?
    else
      echo "no such section; there are: ${all[*]}"
      code=1
    fi
    if [ $code -eq 0 ]; then
      passed=$((passed + 1)) word=passed
    else
      failed=$((failed + 1)) word=FAILED
    fi
    summary+=$(printf '%-8s %-7s %4d s' "$name" "$word" $((SECONDS - began)))$'\n'
  done
  printf '\n==================== summary\n%s\n%d passed, %d failed\n' "$summary" "$passed" "$failed"
  [ $failed -eq 0 ]
}
