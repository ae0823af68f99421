#include <hotline/fwd.hpp>

// A host's own header, which includes nothing else of the library.
namespace {

struct screens {
  hotline::event_emitter* events = nullptr;
  hotline::ws_manager<hotline::asio_transport>* manager = nullptr;
  hotline::ws_manager<hotline::tls_transport>* secure_manager = nullptr;

  void listen(const hotline::listen_options& at, const hotline::manager_options& options);
  void connected(const hotline::connection_info& who, const hotline::disconnection& why);
  hotline::command_result answer(const hotline::request& asked, hotline::responder later);
  hotline::admission admit(const hotline::http_request& asked, hotline::admission_responder later);
  hotline::json_object measure(const hotline::manager_metrics& counted, const hotline::log_status& log);
  hotline::result<hotline::json> emit(const hotline::task_started& started, const hotline::emit_options& options);
};

}  // namespace

#include <hotline/hotline.hpp>

#include <catch2_any.hpp>

#include <type_traits>

TEST_CASE("a header that includes fwd.hpp alone names what hotline.hpp defines") {
  STATIC_REQUIRE(std::is_same_v<decltype(screens::events), hotline::event_emitter*>);
  STATIC_REQUIRE(std::is_class_v<hotline::asio_transport>);
  STATIC_REQUIRE(hotline::transport<hotline::asio_transport>);
  STATIC_REQUIRE(std::is_move_constructible_v<hotline::asio_transport>);
  STATIC_REQUIRE(std::is_same_v<hotline::asio_transport::connection_type,
                                hotline::basic_asio_transport<asio::io_context::executor_type>::connection_type>);
  asio::io_context io;
  hotline::event_emitter events;
  auto manager = hotline::make_ws_manager(io, events, {.port = 0});
  const screens host{&events, &manager};
  STATIC_REQUIRE(std::is_same_v<decltype(host.manager), decltype(&manager)>);
  CHECK(host.manager->transport().port() == 0);
}
