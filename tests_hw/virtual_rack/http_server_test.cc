// The HTTP server against peers that do not behave: garbage, oversized, silent, pipelining, and a restart in
// between.

#include "tests_hw/virtual_rack/http_server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/write.hpp>
#include <chrono>
#include <future>
#include <thread>

namespace kiln::virtual_rack::test {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using ::testing::HasSubstr;
using ::testing::StartsWith;

/// A plain server on a thread of its own that answers with the method, path and body it was sent.
class HttpServerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    HttpServerOptions options;
    options.name = "test";
    options.max_body_bytes = 1000;
    server_ = make_http_server(loop_, options, [this](const HttpRequest& request) {
      HttpResponse response;
      response.body = request.method + " " + request.path + "|" + request.query + "|" + request.body;
      if (request.path == "/empty") {
        response.status = 204;
        response.body.clear();
      }
      if (request.path == "/late") response.delay = std::chrono::milliseconds(200);
      if (request.path == "/stream") {
        response.content_type = "text/event-stream";
        response.stream = std::make_shared<HttpStream>();
        response.stream->put("data: first\n\n");
        stream_ = response.stream;
      }
      return response;
    });
    port_ = server_->port();
    thread_ = std::thread([this] { loop_.run(); });
  }

  void TearDown() override {
    on_loop([this] { server_->stop(); });
    work_.reset();
    thread_.join();
  }

  template <typename Work>
  void on_loop(Work work) {
    std::promise<void> done;
    asio::post(loop_, [&] {
      work();
      done.set_value();
    });
    done.get_future().wait();
  }

  tcp::socket connect() {
    tcp::socket socket(client_loop_);
    socket.connect(tcp::endpoint(asio::ip::address_v4::loopback(), port_));
    return socket;
  }

  /// Sends bytes, half-closes, and reads to the end.
  std::string talk(const std::string& bytes) {
    tcp::socket socket = connect();
    asio::write(socket, asio::buffer(bytes));
    boost::system::error_code error;
    socket.shutdown(tcp::socket::shutdown_send, error);
    std::string answer;
    asio::read(socket, asio::dynamic_buffer(answer), error);
    return answer;
  }

  asio::io_context loop_{1};
  asio::executor_work_guard<asio::io_context::executor_type> work_{loop_.get_executor()};
  asio::io_context client_loop_;
  std::unique_ptr<HttpServer> server_;
  std::weak_ptr<HttpStream> stream_;  ///< what /stream has answered with last
  std::uint16_t port_ = 0;
  std::thread thread_;
};

TEST_F(HttpServerTest, AnswersPipelinedRequestsInOrderOnOneConnection) {
  const std::string answer = talk(
      "GET /a?x=1 HTTP/1.1\r\nHost: x\r\n\r\nPOST /b%20c HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi");
  EXPECT_THAT(answer, HasSubstr("GET /a|x=1|"));
  EXPECT_THAT(answer, HasSubstr("POST /b c||hi"));
  EXPECT_LT(answer.find("GET /a"), answer.find("POST /b"));
}

TEST_F(HttpServerTest, NoContentHasNoLengthAndHeadHasNoBody) {
  const std::string empty = talk("GET /empty HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_THAT(empty, StartsWith("HTTP/1.1 204"));
  EXPECT_THAT(empty, ::testing::Not(HasSubstr("Content-Length")));
  const std::string head = talk("HEAD /a HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_THAT(head, HasSubstr("Content-Length: 9"));
  EXPECT_THAT(head, ::testing::EndsWith("\r\n\r\n"));
}

TEST_F(HttpServerTest, ConnectionCloseIsHonoured) {
  tcp::socket socket = connect();
  asio::write(socket, asio::buffer(std::string("GET /a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")));
  std::string answer;
  boost::system::error_code error;
  asio::read(socket, asio::dynamic_buffer(answer), error);  // ends only because the server closes
  EXPECT_EQ(error, asio::error::eof);
  EXPECT_THAT(answer, HasSubstr("Connection: close"));
}

TEST_F(HttpServerTest, GarbageIs400AndTooMuchIs413) {
  EXPECT_THAT(talk("\x16\x03\x01 this is not http\r\n\r\n"), StartsWith("HTTP/1.1 400"));
  EXPECT_THAT(talk("GET /%g1 HTTP/1.1\r\nHost: x\r\n\r\n"), StartsWith("HTTP/1.1 400"));
  EXPECT_THAT(talk("POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 1001\r\n\r\n" + std::string(1001, 'x')),
              StartsWith("HTTP/1.1 413"));
  EXPECT_THAT(talk("GET /a HTTP/1.1\r\nHost: x\r\nX: " + std::string(70'000, 'y') + "\r\n\r\n"),
              StartsWith("HTTP/1.1 413"));
}

TEST_F(HttpServerTest, ExpectContinueIsAnsweredBeforeTheBody) {
  tcp::socket socket = connect();
  asio::write(socket,
              asio::buffer(std::string(
                  "POST /a HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")));
  std::string interim(12, '\0');
  asio::read(socket, asio::buffer(interim));
  EXPECT_EQ(interim, "HTTP/1.1 100");
}

TEST_F(HttpServerTest, ASilentOrLatePeerHoldsUpNobody) {
  tcp::socket silent = connect();
  asio::write(silent, asio::buffer(std::string("GET /half")));
  tcp::socket late = connect();
  asio::write(late, asio::buffer(std::string("GET /late HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")));
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_THAT(talk("GET /a HTTP/1.1\r\nHost: x\r\n\r\n"), HasSubstr("GET /a"));
  std::string answer;
  boost::system::error_code error;
  asio::read(late, asio::dynamic_buffer(answer), error);
  EXPECT_THAT(answer, HasSubstr("GET /late"));
  EXPECT_GE(std::chrono::steady_clock::now() - begin, std::chrono::milliseconds(150));
}

TEST_F(HttpServerTest, AStreamIsGivenUpAsSoonAsItsPeerCloses) {
  tcp::socket listener = connect();
  asio::write(listener, asio::buffer(std::string("GET /stream HTTP/1.1\r\nHost: x\r\n\r\n")));
  std::string heard;
  asio::read_until(listener, asio::dynamic_buffer(heard), "data: first");
  on_loop([this] { EXPECT_FALSE(stream_.expired()); });
  listener.close();
  bool gone = false;
  const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(3);
  while (!gone && std::chrono::steady_clock::now() < give_up) {
    on_loop([this, &gone] { gone = stream_.expired() && server_->open_connections() == 0; });
  }
  EXPECT_TRUE(gone);
}

TEST_F(HttpServerTest, AStreamThatItsServiceEndsIsClosedWithWhatWaited) {
  tcp::socket listener = connect();
  asio::write(listener, asio::buffer(std::string("GET /stream HTTP/1.1\r\nHost: x\r\n\r\n")));
  std::string heard;
  asio::read_until(listener, asio::dynamic_buffer(heard), "data: first");
  on_loop([this] {
    const std::shared_ptr<HttpStream> stream = stream_.lock();
    stream->put("data: last\n\n");
    stream->end();
  });
  boost::system::error_code error;
  asio::read(listener, asio::dynamic_buffer(heard), error);
  EXPECT_EQ(error, asio::error::eof);
  EXPECT_THAT(heard, HasSubstr("data: last"));
  EXPECT_THAT(heard, ::testing::EndsWith("0\r\n\r\n"));
}

TEST_F(HttpServerTest, ARestartCutsConnectionsRefusesNewOnesAndReturnsOnTheSamePort) {
  tcp::socket open = connect();
  asio::write(open, asio::buffer(std::string("GET /half")));
  on_loop([this] { server_->refuse_for(std::chrono::milliseconds(300)); });
  tcp::socket refused(client_loop_);
  boost::system::error_code error;
  refused.connect(tcp::endpoint(asio::ip::address_v4::loopback(), port_), error);
  EXPECT_EQ(error, asio::error::connection_refused);
  std::string rest;
  asio::read(open, asio::dynamic_buffer(rest), error);
  EXPECT_TRUE(rest.empty());
  const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  do {
    refused.close();
    refused.connect(tcp::endpoint(asio::ip::address_v4::loopback(), port_), error);
  } while (error && std::chrono::steady_clock::now() < give_up);
  EXPECT_FALSE(error) << error.message();
  EXPECT_THAT(talk("GET /back HTTP/1.1\r\nHost: x\r\n\r\n"), HasSubstr("GET /back"));
}

TEST(HttpServer, APortThatIsTakenIsNamed) {
  asio::io_context loop;
  tcp::acceptor taken(loop, tcp::endpoint(asio::ip::address_v4::loopback(), 0));
  HttpServerOptions options;
  options.name = "BMC of C01";
  options.port = taken.local_endpoint().port();
  try {
    const auto server = make_http_server(loop, options, [](const HttpRequest&) { return HttpResponse{}; });
    FAIL() << "two listeners on one port";
  } catch (const std::runtime_error& error) {
    EXPECT_THAT(error.what(), HasSubstr("BMC of C01"));
    EXPECT_THAT(error.what(), HasSubstr(std::to_string(options.port)));
  }
}

}  // namespace
}  // namespace kiln::virtual_rack::test
