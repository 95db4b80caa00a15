#include "io/curl_multi.h"

#include <fmt/format.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <array>
#include <boost/asio/post.hpp>
#include <new>
#include <stdexcept>
#include <utility>
#include <vector>

namespace kiln::detail {

namespace asio = boost::asio;

namespace {

// Above any number of connections 64 peers can have: with its default, curl throws idle connections away.
constexpr long kIdleConnections = 2048;

int epoll_set() {
  const int descriptor = epoll_create1(EPOLL_CLOEXEC);
  if (descriptor < 0) throw std::system_error(errno, std::generic_category(), "epoll_create1");
  return descriptor;
}

}  // namespace

std::shared_ptr<CurlMulti> CurlMulti::open(asio::io_context& io) {
  static const CURLcode ready = curl_global_init(CURL_GLOBAL_DEFAULT);
  if (ready != CURLE_OK) throw std::runtime_error(std::string("libcurl: ") + curl_easy_strerror(ready));
  std::shared_ptr<CurlMulti> multi(new CurlMulti(io));
  multi->watch_sockets();
  return multi;
}

CurlMulti::CurlMulti(asio::io_context& io)
    : io_(io), sockets_(io, epoll_set()), timer_(io), multi_(curl_multi_init()) {
  if (multi_ == nullptr) throw std::bad_alloc();
  curl_multi_setopt(multi_, CURLMOPT_SOCKETFUNCTION, &CurlMulti::on_socket);
  curl_multi_setopt(multi_, CURLMOPT_SOCKETDATA, this);
  curl_multi_setopt(multi_, CURLMOPT_TIMERFUNCTION, &CurlMulti::on_timer);
  curl_multi_setopt(multi_, CURLMOPT_TIMERDATA, this);
  curl_multi_setopt(multi_, CURLMOPT_MAXCONNECTS, kIdleConnections);
}

CurlMulti::~CurlMulti() { curl_multi_cleanup(multi_); }

Status CurlMulti::add(CURL* easy, const CurlDone& done) {
  curl_easy_setopt(easy, CURLOPT_PRIVATE, &done);
  curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, &CurlMulti::on_close);
  curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, this);
  adding_ = true;
  const CURLMcode code = curl_multi_add_handle(multi_, easy);
  adding_ = false;
  if (code != CURLM_OK) {
    if (wanted_) post_kick();
    return Error("http.request", fmt::format("libcurl refuses the transfer: {}", curl_multi_strerror(code)),
                 "", Blame::station);
  }
  // What curl wants "at once" for it is done here and not on the next turn. No coroutine ever runs on a
  // callback of curl (completion.h), so this is no call from inside one.
  serve_timer();
  return success();
}

void CurlMulti::remove(CURL* easy) { curl_multi_remove_handle(multi_, easy); }

int CurlMulti::on_socket(CURL* easy, curl_socket_t socket, int what, void* self, void* /*known*/) {
  auto* multi = static_cast<CurlMulti*>(self);
  const auto number = static_cast<std::size_t>(socket);
  if (number >= multi->watched_.size()) multi->watched_.resize(number + 1);
  Watched& watched = multi->watched_[number];
  if (what == CURL_POLL_REMOVE) {
    long status = 0;
    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    watched.idle = status != 0 && watched.events != 0;
    if (!watched.idle) multi->tell_of(socket, 0);
    return 0;
  }
  std::uint32_t events = 0;
  if ((what & CURL_POLL_IN) != 0) events |= EPOLLIN;
  if ((what & CURL_POLL_OUT) != 0) events |= EPOLLOUT;
  watched.idle = false;
  multi->tell_of(socket, events);
  return 0;
}

void CurlMulti::tell_of(curl_socket_t socket, std::uint32_t events) {
  const int set = sockets_.native_handle();
  Watched& watched = watched_[static_cast<std::size_t>(socket)];
  if (events == watched.events) return;
  epoll_event event{};
  event.data.fd = socket;
  event.events = events;
  if (events == 0) {
    epoll_ctl(set, EPOLL_CTL_DEL, socket,
              nullptr);  // fails when curl has closed it already; then it left the set too
  } else {
    const int change = watched.events == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;
    if (epoll_ctl(set, change, socket, &event) != 0)
      epoll_ctl(set, change == EPOLL_CTL_ADD ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, socket, &event);
  }
  watched.events = events;
}

/// CURLOPT_CLOSESOCKETFUNCTION.
int CurlMulti::on_close(void* self, curl_socket_t socket) {
  auto* multi = static_cast<CurlMulti*>(self);
  if (static_cast<std::size_t>(socket) < multi->watched_.size()) {
    multi->tell_of(socket, 0);
    multi->watched_[static_cast<std::size_t>(socket)] = Watched();
  }
  return ::close(socket);
}

int CurlMulti::on_timer(CURLM* /*multi*/, long milliseconds, void* self) {
  auto* multi = static_cast<CurlMulti*>(self);
  if (milliseconds < 0) {
    multi->wanted_.reset();
  } else {
    multi->wanted_ = std::chrono::steady_clock::now() + std::chrono::milliseconds(milliseconds);
    if (milliseconds == 0) {
      if (!multi->adding_) multi->post_kick();
    } else {
      multi->arm_timer();
    }
  }
  return 0;
}

/// Several "at once" wishes of curl become one call on the next turn.
void CurlMulti::post_kick() {
  if (std::exchange(kick_posted_, true)) return;
  asio::post(io_, [weak = weak_from_this()] {
    if (const auto self = weak.lock()) {
      self->kick_posted_ = false;
      self->serve_timer();
    }
  });
}

/// Moves the kernel timer only to fire earlier; one that fires too early arms itself anew.
void CurlMulti::arm_timer() {
  if (!wanted_ || (armed_ && *armed_ <= *wanted_)) return;
  armed_ = wanted_;
  timer_.expires_at(*wanted_);
  timer_.async_wait([weak = weak_from_this()](const boost::system::error_code& moved) {
    if (moved) return;
    if (const auto self = weak.lock()) {
      self->armed_.reset();
      self->serve_timer();
    }
  });
}

void CurlMulti::serve_timer() {
  if (!wanted_) return;
  if (std::chrono::steady_clock::now() < *wanted_) {
    arm_timer();
    return;
  }
  wanted_.reset();
  int running = 0;
  curl_multi_socket_action(multi_, CURL_SOCKET_TIMEOUT, 0, &running);
  collect();
}

void CurlMulti::watch_sockets() {
  sockets_.async_wait(asio::posix::descriptor_base::wait_read,
                      [weak = weak_from_this()](const boost::system::error_code& closed) {
                        if (closed) return;
                        if (const auto self = weak.lock()) {
                          self->serve_sockets();
                          self->watch_sockets();
                        }
                      });
}

void CurlMulti::serve_sockets() {
  std::array<epoll_event, 64> events{};
  const int count = epoll_wait(sockets_.native_handle(), events.data(), static_cast<int>(events.size()), 0);
  for (int i = 0; i < count; ++i) {
    const epoll_event& event = events.at(static_cast<std::size_t>(i));
    Watched& watched = watched_[static_cast<std::size_t>(event.data.fd)];
    if (watched.idle) {
      // Its peer closes it, or says what nobody asked for: curl finds out when it wants to use it again.
      watched.idle = false;
      tell_of(event.data.fd, 0);
      continue;
    }
    int what = 0;
    if ((event.events & EPOLLIN) != 0) what |= CURL_CSELECT_IN;
    if ((event.events & EPOLLOUT) != 0) what |= CURL_CSELECT_OUT;
    if ((event.events & (EPOLLERR | EPOLLHUP)) != 0) what |= CURL_CSELECT_ERR;
    int running = 0;
    // A socket that an earlier event of this round made curl drop is unknown to it by now, and ignored.
    curl_multi_socket_action(multi_, event.data.fd, what, &running);
  }
  if (count == 0) return;
  // Nothing of curl is on the stack any more; what goes on may add and remove transfers.
  std::vector<Ended> ended;
  while (std::optional<Ended> one = take_ended()) ended.push_back(std::move(*one));
  for (const Ended& one : ended) one.done.complete_here(one.code);
}

std::optional<CurlMulti::Ended> CurlMulti::take_ended() {
  int left = 0;
  while (const CURLMsg* message = curl_multi_info_read(multi_, &left)) {
    if (message->msg != CURLMSG_DONE) continue;
    CURL* const easy = message->easy_handle;
    const CURLcode code = message->data.result;  // the message dies with the next call
    char* owner = nullptr;
    curl_easy_getinfo(easy, CURLINFO_PRIVATE, &owner);
    Ended ended{*static_cast<const CurlDone*>(static_cast<void*>(owner)), code};
    curl_multi_remove_handle(multi_, easy);
    return ended;
  }
  return std::nullopt;
}

void CurlMulti::collect() {
  while (const std::optional<Ended> one = take_ended()) one->done.complete(one->code);
}

}  // namespace kiln::detail
