#include "common/local_words.h"

#include <array>

namespace kiln {
namespace {

constexpr std::string_view kSimplifiedChinese = "zh-CN";

struct LocalWord {
  std::string_view english, chinese;
};

// 不合格 is the word of GB/T 2828 and of ISO 9000's translation for "nonconforming"; 让步 the one of ISO 9000
// for a concession (waiver).
constexpr std::array kWords{
    LocalWord{"GO", "合格"},
    LocalWord{"NO-GO", "不合格"},
    LocalWord{"CONDITIONAL", "有条件"},
    LocalWord{"INCOMPLETE", "未完成"},
    LocalWord{"SURVEY", "仅调查"},
    LocalWord{"NOTHING RECORDED", "无记录"},
    LocalWord{"Passed", "要求的检查项全部测量且无不合格。"},
    LocalWord{"Do not ship", "不得出货：有要求的检查项实测不合格，或读到了危险状态。"},
    LocalWord{"Not decided", "不能判定：部分要求的检查项没有测量结果。这不等于合格，也不等于不合格。"},
    LocalWord{"Hold for review", "暂停出货：须由负责人复核以下各项后才能决定。"},
    LocalWord{"Nothing was decided", "本次运行不作判定。"},
    LocalWord{"SIMULATED RACK – NOT HARDWARE", "模拟机柜，非真实硬件"},
    LocalWord{"required", "要求"},
    LocalWord{"measured", "已测"},
    LocalWord{"failed", "不合格"},
    LocalWord{"marginal", "临界"},
    LocalWord{"waived", "让步"},
    LocalWord{"not run", "未测"},
    LocalWord{"disturbances", "干扰"},
    LocalWord{"Rack", "机柜"},
    LocalWord{"Recipe", "测试方案"},
    LocalWord{"Station", "工站"},
    LocalWord{"Operator", "操作员"},
    LocalWord{"Time", "时间"},
    LocalWord{"Unit", "被测单元"},
    LocalWord{"Run", "运行"},
    LocalWord{"Soak", "连续负载"},
    LocalWord{"Record", "记录"},
    LocalWord{"Not run", "未测原因"},
    LocalWord{"Why, which part, what to do", "原因、部件、处置"},
    LocalWord{"What to do", "处置"},
    LocalWord{"Decided by", "判定者"},
    LocalWord{"Sign-off", "签核"},
    LocalWord{"unsigned", "未签"},
    LocalWord{"signed", "已签"},
    LocalWord{"rejected", "已拒签"},
    LocalWord{"not-eligible", "不可签核"},
};

}  // namespace

std::vector<std::string> local_languages() { return {std::string(kSimplifiedChinese)}; }

std::string_view local_word(std::string_view language, std::string_view english) {
  if (language != kSimplifiedChinese) return {};
  for (const LocalWord& word : kWords) {
    if (word.english == english) return word.chinese;
  }
  return {};
}

std::vector<std::string_view> words_with_translation() {
  std::vector<std::string_view> words;
  for (const LocalWord& word : kWords) words.push_back(word.english);
  return words;
}

}  // namespace kiln
