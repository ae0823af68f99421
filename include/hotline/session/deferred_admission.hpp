#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <hotline/session/admission.hpp>
#include <hotline/session/pending_command.hpp>

#include <functional>
#include <memory>
#include <optional>
#include <utility>

namespace hotline::detail {

/// Makes the responder of one admission, for a host that admits later, from any thread. The receiver that `make`
/// returns receives the answer on the loop. Once the loop has stopped the answer is dropped.
///
///     deferred_admission asked(loop, [&] { return [](std::optional<admission> told) { go_on(told); }; });
///     const std::optional<admission> told = hook(request, project, asked);   // nothing: `go_on` is called later
class deferred_admission final : public admission_source {
 public:
  using receiver = admission_responder::receiver;
  /// Makes the receiver of the answer. Called once, when the host asks for the responder.
  using maker = std::function<receiver()>;

  deferred_admission(std::shared_ptr<loop_poster> loop, maker make) : loop_(std::move(loop)), make_(std::move(make)) {}

  [[nodiscard]] admission_responder make() override {
    made_ = true;
    return admission_responder([loop = loop_, answered = make_()](std::optional<admission> told) {
      loop->post([answered, told = std::move(told)] { answered(told); });
    });
  }

  /// Returns whether the host has asked for the responder.
  [[nodiscard]] bool made() const noexcept { return made_; }

 private:
  const std::shared_ptr<loop_poster> loop_;
  const maker make_;
  bool made_ = false;
};

}  // namespace hotline::detail
#endif
