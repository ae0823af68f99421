#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <functional>
#include <stdexcept>
#include <string>
#include <utility>

namespace hotline::testing {

/// Something that a test relies on did not happen: no answer came, or the server broke the protocol. Every test framework
/// reports its text.
class test_failure : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// An expectation of an installed suite that does not hold. Its text names the place and the expression.
class failed_check : public test_failure {
 public:
  /// `note` says in which part of a test; it may be empty. `file` must live as long as the program.
  failed_check(const char* file, int line, const std::string& expression, const std::string& note)
      : test_failure(std::string(file) + ":" + std::to_string(line) + ": not so: " + expression +
                     (note.empty() ? "" : " (" + note + ")")),
        file_(file),
        line_(line) {}

  [[nodiscard]] const char* file() const noexcept { return file_; }
  [[nodiscard]] int line() const noexcept { return line_; }

 private:
  const char* file_;
  int line_;
};

/// Receives each expectation that does not hold, at once, on the thread of the test; it may not throw. The test goes on
/// where that makes sense.
using reporter = std::function<void(const failed_check&)>;

/// The checks of a test that may not throw out of a callback.
///
///     const checker found([](const failed_check& failed) { std::cerr << failed.what() << '\n'; });
class checker {
 public:
  explicit checker(reporter report) : report_(std::move(report)) {}

  /// Says in which part of the test the checks from here on are.
  void note(std::string part) { note_ = std::move(part); }

  /// Reports what does not hold.
  void check(bool holds, const char* expression, const char* file, int line) const {
    if (!holds) report_(failed_check(file, line, expression, note_));
  }

  /// Throws a `failed_check` when it does not hold: the test cannot go on.
  void require(bool holds, const char* expression, const char* file, int line) const {
    if (!holds) throw failed_check(file, line, expression, note_);
  }

 private:
  reporter report_;
  std::string note_;
};

}  // namespace hotline::testing

/// `checks` is a `checker`.
#define HOTLINE_DETAIL_CHECK(checks, ...) \
  (checks).check(static_cast<bool>(__VA_ARGS__), #__VA_ARGS__, __FILE__, __LINE__)
#define HOTLINE_DETAIL_REQUIRE(checks, ...) \
  (checks).require(static_cast<bool>(__VA_ARGS__), #__VA_ARGS__, __FILE__, __LINE__)

#endif
