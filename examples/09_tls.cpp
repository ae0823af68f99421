// wss and https without a proxy in front: a page, its connection, and a certificate that is renewed while both are open.
// Try it: openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj /CN=localhost
//           -keyout key.pem -out chain.pem
//         09_tls --certificate chain.pem --key key.pem, and open its address. `kill -HUP` loads both files again.
#include <hotline/hotline.hpp>
#include <hotline/tls.hpp>

#include <asio/signal_set.hpp>

#include <charconv>
#include <csignal>
#include <exception>
#include <functional>
#include <iostream>
#include <optional>
#include <string>
#include <string_view>

namespace {

constexpr const char* page = R"(<!doctype html>
<meta charset="utf-8"><title>hotline over TLS</title><link rel="icon" href="data:,">
<ul id="said"></ul>
<input id="text" placeholder="say something">
<p id="state">connecting</p>
<script type="module">
  import {connect} from '/hotline.js';
  const live = connect('/ws/demo');
  live.onState(({state: now, reason = ''}) => state.textContent = `${now} ${reason}`);
  live.on('said', ({text}) => {
    said.append(Object.assign(document.createElement('li'), {textContent: text}));
  });
  text.onchange = () => live.call('say', {text: text.value});
</script>
)";

bool read_port(std::string_view text, std::uint16_t& port) {
  const auto [end, wrong] = std::from_chars(text.data(), text.data() + text.size(), port);
  return wrong == std::errc() && end == text.data() + text.size();
}

}  // namespace

int main(int argc, char** argv) try {
  std::uint16_t port = 8443;
  hotline::tls_options files{.certificate_chain_file = "chain.pem", .private_key_file = "key.pem"};
  for (int i = 1; i < argc; i += 2) {
    const std::string_view name = argv[i];
    const bool known = name == "--port" || name == "--certificate" || name == "--key";
    if (!known || i + 1 == argc || (name == "--port" && !read_port(argv[i + 1], port))) {
      std::cerr << "usage: " << argv[0] << " [--certificate FILE] [--key FILE] [--port N]"
                << ", where N is 0 (any free port) to 65535\n";
      return 2;
    }
    if (name == "--certificate") files.certificate_chain_file = argv[i + 1];
    if (name == "--key") files.private_key_file = argv[i + 1];
  }

  hotline::tls_context tls;
  if (const auto failed = tls.load(files)) {
    std::cerr << "cannot load " << files.certificate_chain_file << " and " << files.private_key_file << ": "
              << failed.message() << "; the first lines of this example tell how to make them\n";
    return 1;
  }

  asio::io_context io;
  hotline::event_emitter events;
  auto manager = hotline::make_wss_manager(io, events, tls, {.port = port});
  manager.on_http([](const hotline::http_request& q) -> std::optional<hotline::http_response> {
    if (q.path != "/") return std::nullopt;
    return hotline::http_response{.content_type = "text/html; charset=utf-8", .body = page};
  });
  manager.on_command("say", [&](const hotline::request& q) -> hotline::command_result {
    const auto seq = events.emit(q.project(), "said", {{"text", q.payload()["text"]}});
    if (!seq) return hotline::command_error{"not_said", seq.error().message};
    return hotline::json_object{{"seq", *seq}};
  });
  const auto refusals = manager.transport().on_refused([](std::string_view address, std::error_code why) {
    std::cout << "refused " << address << ": " << why.message() << std::endl;
  });

  asio::signal_set renewals(io, SIGHUP);
  const std::function<void()> renew_when_asked = [&] {
    renewals.async_wait([&](std::error_code cancelled, int) {
      if (cancelled) return;
      const auto failed = tls.load(files);  // open connections notice nothing; on failure the old files stay
      std::cout << (failed ? "not renewed: " + failed.message() : "renewed") << std::endl;
      renew_when_asked();
    });
  };
  renew_when_asked();
  asio::signal_set signals(io, SIGINT, SIGTERM);
  signals.async_wait([&](std::error_code, int) {
    renewals.cancel();
    manager.stop();
  });

  if (const auto failed = manager.start()) {
    std::cerr << "cannot listen on port " << port << ": " << failed.message() << "; choose another with --port N\n";
    return 1;
  }
  std::cout << "listening on https://127.0.0.1:" << manager.transport().port() << std::endl;
  io.run();
} catch (const std::exception& e) {
  std::cerr << e.what() << '\n';
  return 1;
}
