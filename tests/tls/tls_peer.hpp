#pragma once

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

/// The far end of a TLS connection, as `socket_peer` is of a bare one. It shakes hands even when it is stalled.
class tls_peer {
 public:
  using set_up = std::function<void(::SSL_CTX*)>;

  /// `ahead` goes out in clear, right before the handshake's first byte.
  static std::shared_ptr<tls_peer> connect(
      std::uint16_t port, const set_up& change = [](::SSL_CTX*) {}, std::string_view ahead = {}) {
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(port);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (::connect(socket, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0) ::close(std::exchange(socket, -1));
    if (socket >= 0) ::fcntl(socket, F_SETFL, O_NONBLOCK);
    ::SSL_CTX* const context = ::SSL_CTX_new(::TLS_client_method());
    change(context);
    return std::shared_ptr<tls_peer>(new tls_peer(socket, context, &::SSL_set_connect_state, ahead));
  }

  /// A server's end, of a descriptor that was accepted.
  static std::shared_ptr<tls_peer> accepted(int socket, ::SSL_CTX* context) {
    ::fcntl(socket, F_SETFL, O_NONBLOCK);
    ::SSL_CTX_up_ref(context);
    return std::shared_ptr<tls_peer>(new tls_peer(socket, context, &::SSL_set_accept_state, {}));
  }

  tls_peer(const tls_peer&) = delete;
  tls_peer& operator=(const tls_peer&) = delete;
  ~tls_peer() {
    drop();
    ::SSL_free(ssl_);
    ::SSL_CTX_free(context_);
  }

  void send(std::string_view bytes) {
    to_send_.append(bytes);
    pump();
  }
  void close() {
    ending_ = true;
    pump();
  }
  void reset() {
    const linger at_once{1, 0};
    ::setsockopt(socket_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    drop();
  }
  /// FIN without a word of TLS.
  void cut() { ::shutdown(socket_, SHUT_WR); }
  void stall(bool on) { window(on ? 0 : std::numeric_limits<std::size_t>::max()); }
  void window(std::size_t bytes) {
    window_ = bytes;
    pump();
  }

  [[nodiscard]] const std::string& received() const { return received_; }
  [[nodiscard]] bool closed_by_server() const { return ended_ || socket_ < 0; }
  [[nodiscard]] bool was_told() const { return (::SSL_get_shutdown(ssl_) & SSL_RECEIVED_SHUTDOWN) != 0; }
  [[nodiscard]] int error() const { return ERR_GET_REASON(error_); }
  [[nodiscard]] bool has_shaken_hands() const { return ::SSL_is_init_finished(ssl_) == 1; }
  [[nodiscard]] ::SSL* ssl() const { return ssl_; }
  [[nodiscard]] std::string server_name() const {
    ::X509* const shown = ::SSL_get1_peer_certificate(ssl_);
    char name[100] = "";
    if (shown != nullptr)
      ::X509_NAME_get_text_by_NID(::X509_get_subject_name(shown), NID_commonName, name, sizeof name);
    ::X509_free(shown);
    return name;
  }

  /// True if anything moved.
  bool pump() {
    if (socket_ < 0) return false;
    ::ERR_clear_error();
    if (!has_shaken_hands()) (void)judge(::SSL_do_handshake(ssl_));
    write_some();
    const bool came = read_some();
    const bool went = write_some();
    return came || went;
  }

 private:
  tls_peer(int socket, ::SSL_CTX* context, void (*take_side)(::SSL*), std::string_view ahead)
      : socket_(socket), context_(context), unsent_(ahead) {
    ssl_ = ::SSL_new(context_);
    in_ = ::BIO_new(::BIO_s_mem());
    out_ = ::BIO_new(::BIO_s_mem());
    ::BIO_set_mem_eof_return(in_, -1);
    ::SSL_set_bio(ssl_, in_, out_);
    take_side(ssl_);
    ::SSL_set_mode(ssl_, SSL_MODE_ENABLE_PARTIAL_WRITE);
    pump();
  }

  void drop() {
    if (socket_ >= 0) ::close(std::exchange(socket_, -1));
  }

  bool judge(int result) {
    const int why = ::SSL_get_error(ssl_, result);
    if (why == SSL_ERROR_SSL || why == SSL_ERROR_ZERO_RETURN) {
      if (error_ == 0) error_ = ::ERR_get_error();
      ended_ = true;
    }
    ::ERR_clear_error();
    return result > 0;
  }

  bool write_some() {
    bool moved = false;
    for (;;) {
      while (has_shaken_hands() && sent_ < to_send_.size() && unsent_.size() < 64 * 1024) {
        const std::size_t n = std::min<std::size_t>(to_send_.size() - sent_, 16 * 1024);
        if (::SSL_write(ssl_, to_send_.data() + sent_, static_cast<int>(n)) <= 0) break;
        sent_ += n;
      }
      const bool all = has_shaken_hands() && sent_ == to_send_.size();
      if (all && ending_ && !std::exchange(told_, true)) ::SSL_shutdown(ssl_);
      char bytes[16 * 1024];
      for (int n = 0; (n = ::BIO_read(out_, bytes, sizeof bytes)) > 0;)
        unsent_.append(bytes, static_cast<std::size_t>(n));
      if (unsent_.empty()) {
        if (told_ && !std::exchange(fin_sent_, true)) {
          ::shutdown(socket_, SHUT_WR);
          moved = true;
        }
        return moved;
      }
      const ssize_t n = ::send(socket_, unsent_.data(), unsent_.size(), MSG_NOSIGNAL);
      if (n <= 0) return moved;
      unsent_.erase(0, static_cast<std::size_t>(n));
      moved = true;
    }
  }

  bool read_some() {
    bool moved = false;
    while (!ended_ && (window_ > 0 || !has_shaken_hands())) {
      char bytes[16 * 1024];
      if (has_shaken_hands()) {
        const int n = ::SSL_read(ssl_, bytes, static_cast<int>(std::min(sizeof bytes, window_)));
        if (judge(n)) {
          received_.append(bytes, static_cast<std::size_t>(n));
          if (window_ != std::numeric_limits<std::size_t>::max()) window_ -= static_cast<std::size_t>(n);
          moved = true;
          continue;
        }
      } else {
        (void)judge(::SSL_do_handshake(ssl_));
        if (has_shaken_hands()) continue;
      }
      if (ended_) return true;
      const ssize_t n = ::recv(socket_, bytes, sizeof bytes, 0);
      if (n < 0 && (errno == EAGAIN || errno == EINTR)) break;
      moved = true;
      if (n <= 0)
        ended_ = true;
      else
        ::BIO_write(in_, bytes, static_cast<int>(n));
    }
    return moved;
  }

  int socket_;
  ::SSL_CTX* context_;
  ::SSL* ssl_ = nullptr;
  ::BIO* in_ = nullptr;
  ::BIO* out_ = nullptr;
  std::string to_send_;
  std::size_t sent_ = 0;
  std::string unsent_;
  std::string received_;
  std::size_t window_ = std::numeric_limits<std::size_t>::max();
  unsigned long error_ = 0;
  bool ending_ = false;
  bool told_ = false;
  bool fin_sent_ = false;
  bool ended_ = false;
};
