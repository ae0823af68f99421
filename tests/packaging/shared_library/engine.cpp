#include <hotline/error.hpp>

__attribute__((visibility("default"))) std::error_code engine_error() { return hotline::errc::not_running; }
__attribute__((visibility("default"))) const std::error_category* engine_category() {
  return &hotline::error_category();
}
