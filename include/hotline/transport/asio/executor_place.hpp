#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <hotline/transport/loop/loop_thread.hpp>

namespace hotline::detail {

/// Where this thread stands to an executor, as far as that can be known.
enum class executor_place {
  inside,   ///< it runs a function of the executor's
  beside,   ///< it runs the executor's context, but not in its strand
  outside,  ///< it runs nothing of it now
  ended,    ///< no thread runs it: its context has stopped
  unknown,
};

/// Whether a call from a thread at `place` would be one beside the loop's own. `last` is noted in each turn of the loop. A thread
/// that polls is right between two polls, each thread is before the loop has run and after its thread has ended.
[[nodiscard]] inline bool runs_elsewhere(executor_place place, const loop_thread& last) noexcept {
  if (!last.is_known()) return false;
  switch (place) {
    case executor_place::inside:
    case executor_place::ended:
    case executor_place::unknown: return false;
    case executor_place::beside: return true;
    case executor_place::outside: break;
  }
  return last.is_another();
}

}  // namespace hotline::detail
#endif
