#pragma once
// The properties a request body asks for, taken one by one by whoever serves the resource
// (DSP0266 7.6, 7.7, 7.9). What is of the wrong kind, or taken by nobody, is noted and told in the answer. A
// plain value.

#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tests_hw/virtual_rack/redfish/reply.h"

namespace kiln::virtual_rack {

class RequestedProperties {
 public:
  /// None when the body is no JSON object. Annotations ("@odata.id") are no properties.
  [[nodiscard]] static std::optional<RequestedProperties> read(const std::string& body);

  // Each takes the property at a path ("Boot/BootSourceOverrideTarget"). None when it was not asked for or is
  // refused for its value.
  [[nodiscard]] std::optional<bool> flag(const std::string& path);
  [[nodiscard]] std::optional<std::string> text(const std::string& path, std::size_t shortest = 0,
                                                std::size_t longest = 256);
  [[nodiscard]] std::optional<std::string> choice(const std::string& path,
                                                  const std::vector<std::string>& choices);
  [[nodiscard]] std::optional<std::int64_t> whole(const std::string& path, std::int64_t least,
                                                  std::int64_t most);
  /// What an array of strings becomes: null removes its element, {} leaves it, what is not named any more is
  /// cut off (DSP0266 7.7).
  [[nodiscard]] std::optional<std::vector<std::string>> texts(const std::string& path,
                                                              const std::vector<std::string>& now,
                                                              std::size_t most);
  /// Of a request that creates: an array of strings as it stands.
  [[nodiscard]] std::optional<std::vector<std::string>> list(const std::string& path);

  [[nodiscard]] bool asks(const std::string& path) const { return wanted_.contains(path); }
  void require(const std::string& path);
  void refuse(const std::string& path, std::string message_id, std::string text,
              std::vector<std::string> arguments);
  /// Notes what nobody took; `current` is the resource as it is, empty for one that is to be made.
  void close(const json::object& current);

  /// One was taken and is good.
  [[nodiscard]] bool changed() const { return taken_ > refused_taken_; }
  [[nodiscard]] const std::vector<Message>& refused() const { return refused_; }

 private:
  std::optional<json::value> take(const std::string& path);
  void wrong_type(const std::string& path, const json::value& value);

  std::map<std::string, json::value> wanted_;
  std::vector<Message> refused_;
  std::size_t taken_ = 0;
  std::size_t refused_taken_ = 0;
};

}  // namespace kiln::virtual_rack
