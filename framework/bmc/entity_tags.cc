#include "bmc/entity_tags.h"

#include <algorithm>
#include <utility>

namespace kiln {

bool EntityTags::compare_now(const std::string& kind) {
  int& left = believed_[kind];
  if (left == 0) return true;
  --left;
  return false;
}

void EntityTags::sent_all_the_same() {
  if (++for_nothing_ >= kMostForNothing) give_up();
}

std::string kind_of_address(const std::string& uri) {
  std::string path = uri.substr(0, uri.find_first_of("?#"));
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  path.resize(std::min(path.rfind('/'), path.size()));
  return path.substr(path.rfind('/') + 1);
}

bool is_strong_tag(std::string_view tag) {
  if (tag.size() < 3 || tag.size() > 256 || tag.front() != '"' || tag.back() != '"') return false;
  return tag.find('"', 1) == tag.size() - 1 && std::all_of(tag.begin(), tag.end(), [](char c) {
           return static_cast<unsigned char>(c) > 0x20 && c != 0x7f;
         });
}

const TaggedAnswers::Kept* TaggedAnswers::find(const std::string& path) {
  const auto found = answers_.find(path);
  if (found == answers_.end()) return nullptr;
  by_use_.splice(by_use_.begin(), by_use_, found->second.place);
  return &found->second.answer;
}

void TaggedAnswers::keep(const std::string& path, Kept answer) {
  drop(path);
  if (answer.bytes > kLongest) return;
  bytes_ += answer.bytes;
  by_use_.push_front(path);
  Entry entry{std::move(answer), by_use_.begin()};
  answers_.emplace(path, std::move(entry));
  while (answers_.size() > kMostAnswers || bytes_ > kMostBytes) {
    const std::string oldest = by_use_.back();
    drop(oldest);
  }
}

void TaggedAnswers::drop(const std::string& path) {
  const auto found = answers_.find(path);
  if (found == answers_.end()) return;
  bytes_ -= found->second.answer.bytes;
  by_use_.erase(found->second.place);
  answers_.erase(found);
}

void TaggedAnswers::clear() {
  answers_.clear();
  by_use_.clear();
  bytes_ = 0;
}

}  // namespace kiln
