// The quickest to compile of what shows that headers and dependencies are found: nothing listens here.
#include <hotline/event_emitter.hpp>

int main() {
  hotline::event_emitter events;
  const auto seq = events.emit("demo", "greeting", {{"hello", "world"}});
  return seq && *seq == 1 ? 0 : 1;
}
