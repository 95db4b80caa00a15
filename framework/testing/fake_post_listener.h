#pragma once
// A PostListener without a network: tests post into its places by their address. Loop thread only.

#include <map>
#include <memory>
#include <string>
#include <utility>

#include "io/post_listener.h"

namespace kiln {

class FakePostListener final : public PostListener {
 public:
  std::unique_ptr<Place> open(OnPost on_post) override {
    const std::string url = "https://station.test/secret-place-" + std::to_string(++shared_->opened);
    shared_->places[url] = std::move(on_post);
    return std::make_unique<FakePlace>(shared_, url);
  }
  /// False: nobody is there.
  bool post(const std::string& url, const std::string& body) const {
    const auto found = shared_->places.find(url);
    if (found == shared_->places.end()) return false;
    const OnPost on_post = found->second;
    on_post(body);
    return true;
  }
  [[nodiscard]] std::size_t open_places() const { return shared_->places.size(); }

 private:
  struct Shared {
    std::map<std::string, OnPost> places;
    int opened = 0;
  };
  class FakePlace final : public Place {
   public:
    FakePlace(std::shared_ptr<Shared> shared, std::string url)
        : shared_(std::move(shared)), url_(std::move(url)) {}
    FakePlace(const FakePlace&) = delete;
    FakePlace& operator=(const FakePlace&) = delete;
    ~FakePlace() override { shared_->places.erase(url_); }
    [[nodiscard]] Secret url() const override { return Secret(url_); }

   private:
    std::shared_ptr<Shared> shared_;
    std::string url_;
  };
  std::shared_ptr<Shared> shared_ = std::make_shared<Shared>();
};

}  // namespace kiln
