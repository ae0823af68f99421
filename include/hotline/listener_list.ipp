#pragma once
#include <hotline/language.hpp>
#if HOTLINE_DETAIL_LANGUAGE

#include <hotline/listener_list.hpp>

namespace hotline::detail {

HOTLINE_DETAIL_INLINE void listener_list::call(const event& e) noexcept {
  for (turn* outer = innermost_turn(); outer != nullptr; outer = outer->outer) {
    if (outer->of == shared_.get()) return wait(*outer, e);
  }
  const std::shared_ptr<state> alive = shared_;  // a listener may destroy the emitter
  turn mine{alive.get(), innermost_turn(), {}};
  innermost_turn() = &mine;
  dispatch(*alive, e);
  while (!mine.waiting.empty()) {
    for (const kept& next : std::exchange(mine.waiting, {}))
      dispatch(*alive, {next.project, next.type, next.seq, next.fields});
  }
  innermost_turn() = mine.outer;
}

HOTLINE_DETAIL_INLINE void listener_list::wait(turn& outer, const event& e) const noexcept {
  try {
    outer.waiting.push_back({std::string(e.project), std::string(e.type), e.seq, e.fields});
  } catch (...) {
    report(*shared_, e.type, std::current_exception());
  }
}

HOTLINE_DETAIL_INLINE void listener_list::dispatch(const state& s, const event& e) noexcept {
  s.listeners.call([&](const std::exception_ptr& thrown) { report(s, e.type, thrown); }, e);
}

HOTLINE_DETAIL_INLINE void listener_list::report(const state& s, std::string_view type,
                                                 const std::exception_ptr& thrown) noexcept {
  s.errors.call([](const std::exception_ptr&) { /* An error hook that fails has nobody left to tell. */ }, type,
                thrown);
}

}  // namespace hotline::detail
#endif
