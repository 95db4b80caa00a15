#include "safety/detector_mask.h"

#include <algorithm>
#include <utility>

#include "model/leak_order.h"

namespace kiln {

void DetectorMask::begin(const std::string& dut, const std::string& part, std::int64_t now_ns) {
  report_ = MaskReport();
  report_.dut = dut;
  report_.part = part;
  report_.since_ns = now_ns;
  until_ns_ = now_ns + kMaskLasts.count();
}

void DetectorMask::end(std::string why, std::int64_t now_ns) {
  if (!is_on()) return;
  report_.state = MaskReport::State::ended;
  report_.why = std::move(why);
  until_ns_ = std::min(until_ns_, now_ns);
}

bool DetectorMask::take_out(const std::string& dut, std::int64_t asked_ns, std::int64_t now_ns,
                            std::vector<std::string>& expected, std::vector<DetectorLook>& looks) {
  if (report_.part.empty() || report_.dut != dut || asked_ns >= until_ns_) return false;
  LeakReading worst = LeakReading::dry;
  const auto mine = [this, &worst](const DetectorLook& look) {
    if (!look.is_named(report_.part)) return false;
    if (badness(look.verdict.reading) > badness(worst)) worst = look.verdict.reading;
    return true;
  };
  const bool seen = std::erase_if(looks, mine) > 0;
  std::erase(expected, report_.part);
  const std::string word = seen ? std::string(to_string(worst)) : "absent";
  const bool news = is_on() && word != report_.word;
  if (news) see(word, now_ns);
  return news;
}

void DetectorMask::see(const std::string& word, std::int64_t now_ns) {
  report_.word = word;
  const bool wet = word == to_string(LeakReading::leak);
  if (wet && report_.wet_ns == 0) report_.wet_ns = now_ns;
  if (wet) report_.dry_ns = 0;
  if (word == to_string(LeakReading::dry) && report_.wet_ns != 0) report_.dry_ns = now_ns;
}

}  // namespace kiln
