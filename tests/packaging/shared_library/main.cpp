// A host split into shared objects whose symbols are hidden: there must be one error category in the process.
#include <hotline/error.hpp>

std::error_code engine_error();
const std::error_category* engine_category();

int main() {
  if (engine_category() != &hotline::error_category()) return 1;  // linked, so there is one
  return engine_error() == hotline::errc::not_running ? 0 : 2;
}
